"""The error of the embedded servers, with a message that says what to do."""


class EmbeddedError(Exception):
    """An embedded server cannot be used. Its text says why, and what to do about it."""
