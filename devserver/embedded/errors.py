"""The one failure of the embedded servers, told in a sentence that a newcomer can act on."""


class EmbeddedError(Exception):
    """An embedded server cannot be used. Its text says why, and what to do about it."""
