"""The confirmation page of a staff action. Only its POST performs the action."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import User
from adminpanel.site.forms import ActionForm
from core.errors import ApiError


def staff_of(request: HttpRequest) -> User:
    """Return who acts, as the admin site has signed them in."""
    assert isinstance(request.user, User)
    return request.user


def ask_and_do(
    request: HttpRequest,
    *,
    form: ActionForm,
    do: Callable[..., Any],
    back: str,
    context: dict[str, Any],
) -> HttpResponse:
    """Show the form, or perform its action and redirect back; errors are shown in the form.

    ``do`` gets the form's arguments; False says that it was done already.
    """
    if request.method == "POST" and form.is_valid():
        try:
            done = do(**form.arguments())
        except ApiError as refused:
            form.add_error(None, str(refused.message))
        else:
            messages.success(request, "Done." if done is not False else "This was already done.")
            return redirect(back)
    status = 400 if request.method == "POST" else 200
    shown = {**context, "form": form, "back": back}
    return render(request, "adminpanel/action.html", shown, status=status)
