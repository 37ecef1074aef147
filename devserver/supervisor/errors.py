"""Why the supervisor does not start, or gives up."""


class StartError(Exception):
    """Something stands in the way. Its text says what, and what to do about it."""
