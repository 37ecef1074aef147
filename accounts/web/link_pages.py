"""The browser part of linking: the ticket's page, the redirect to the provider, and the return.

The browser does not need to be signed in, and this does not sign it in. The ticket alone determines
whose account is linked. So the page shows that user and asks for confirmation.
"""

from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from requests import RequestException

from accounts.errors import LinkExpired, UnknownProvider
from accounts.flows import link_tickets, linking
from accounts.flows.link_tickets import Ticket
from accounts.models import User
from accounts.web.error_pages import error_page
from core.errors import ApiError, Unavailable

_STATE = "link"


@never_cache
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest) -> HttpResponseBase:
    """Ask whether to link, and when the answer is yes, use the ticket up and go to the provider."""
    try:
        return _to_provider(request) if request.method == "POST" else _ask(request)
    except (LinkExpired, UnknownProvider) as refused:
        return _refusal_page(request, refused)
    except RequestException:
        return _refusal_page(
            request, Unavailable("The provider cannot be reached. Start again later.")
        )


def ticket_of(login: SocialLogin) -> Ticket | None:
    """Return for whom a login that comes back from a provider was started, if it was for this."""
    data: dict[str, Any] = login.state.get("data") or {}
    return Ticket(**data[_STATE]) if _STATE in data else None


def finish(request: HttpRequest, ticket: Ticket, login: SocialLogin) -> HttpResponse:
    """Link what has come back from the provider, and tell how it went."""
    try:
        account = linking.attach(ticket, login)
    except ApiError as refused:
        return _refusal_page(request, refused)
    provider = linking.provider_of(request, account.provider)
    return render(request, "accounts/link_done.html", {"provider": provider})


def _ask(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("ticket", "")
    ticket = link_tickets.look_at(text)
    user = ticket and User.objects.filter(pk=ticket.user_id, is_active=True).first()
    if not ticket or not user:
        raise LinkExpired
    provider = linking.provider_of(request, ticket.provider)
    context = {"ticket": text, "link_user": user, "provider": provider}
    return render(request, "accounts/link.html", context)


def _to_provider(request: HttpRequest) -> HttpResponseBase:
    ticket = link_tickets.redeem(request.POST.get("ticket", ""))
    if ticket is None:
        raise LinkExpired
    provider = linking.provider_of(request, ticket.provider)
    data = {_STATE: ticket.as_data()}
    response: HttpResponseBase = provider.redirect(request, AuthProcess.CONNECT, data=data)
    return response


def _refusal_page(request: HttpRequest, refused: ApiError) -> HttpResponse:
    title = "This account could not be linked"
    return error_page(request, status=refused.status, title=title, hint=refused.message)
