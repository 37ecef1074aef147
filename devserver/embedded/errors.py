"""The error of the embedded servers."""


class EmbeddedError(Exception):
    """An embedded server cannot be used. The message has the reason and what to do."""
