"""Errors of the supervisor."""


class StartError(Exception):
    """Something stands in the way. Its text says what, and what to do about it."""
