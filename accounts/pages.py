"""The few pages that django-allauth has not."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Tell who is signed in: where a login leads that came from nowhere."""
    return render(request, "accounts/home.html")


def logged_out(request: HttpRequest) -> HttpResponse:
    """Confirm that the browser is signed out."""
    return render(request, "accounts/logged_out.html")
