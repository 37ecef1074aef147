"""The return from Stripe's pages. What users do with their plan is in the portal."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def success(request: HttpRequest) -> HttpResponse:
    """Show a confirmation. Stripe's events, not this page, say whether the payment succeeded."""
    return render(request, "billing/success.html")


def cancelled(request: HttpRequest) -> HttpResponse:
    """Show a page to users who canceled at Stripe."""
    return render(request, "billing/cancelled.html")
