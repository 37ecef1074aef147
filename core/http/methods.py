"""Allowed methods of plain Django views under /api; DRF views declare their own."""

from django.http import HttpRequest

from core.errors import MethodNotAllowed


def allow_methods(request: HttpRequest, *methods: str) -> None:
    """Raise ``MethodNotAllowed``, with its `Allow` header, unless it is one of these."""
    if request.method not in methods:
        allowed = ", ".join(methods)
        message = f'Method "{request.method}" not allowed. Use {allowed}.'
        raise MethodNotAllowed(message, headers={"Allow": allowed})
