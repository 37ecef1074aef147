"""Errors of the supervisor."""


class StartError(Exception):
    """The start failed. The message has the reason and what to do."""
