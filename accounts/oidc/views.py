"""OpenID Connect for editors: django-allauth's views with stricter checks.

Codes and refresh tokens are redeemed once even in a race (accounts/flows/redemption.py). PKCE with
S256 is required, a redirect URI must match exactly, and a failed attempt invalidates the code. The
endpoints answer with OAuth's error shape (RFC 6749, 5.2), not ours.
"""

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, urlsplit

from allauth.core.internal.httpkit import add_query_params
from allauth.idp.oidc import views
from allauth.idp.oidc.internal.oauthlib import authorization_codes
from allauth.idp.oidc.models import Client
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from oauthlib.oauth2.rfc6749.errors import (
    InvalidGrantError,
    InvalidRequestError,
    OAuth2Error,
)

from accounts.flows.reauthentication import sign_in_again
from accounts.flows.redemption import (
    claim,
    grant_of,
    lock_granter,
    lock_refresh_token,
    remember_grant,
    remember_granter,
    take_turns,
)
from accounts.throttling.attempts import count_device_code
from accounts.web.browsers import hand_over
from accounts.web.error_pages import UNAVAILABLE, error_page
from core.errors import RateLimited

_FORM = "application/x-www-form-urlencoded"
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_NOT_TWICE = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "prompt",
)

View = Callable[[HttpRequest], HttpResponse]


class AuthorizationView(views.AuthorizationView):  # type: ignore[misc]
    """The page "Visual Studio Code wants to use your account"."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        location = response.headers.get("Location", "/")
        if location.startswith("/"):
            return response
        return hand_over(request, location, client=self._client_name(location))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if hint := _problem_to_show(request):
            return error_page(request, status=400, hint=hint)
        if error := _problem_to_report(request):
            return _report(request, *error)
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def _handle_login_prompt(self, request: HttpRequest, prompts: list[str]) -> HttpResponse:
        """Ask for the password, or to sign in anew where there is none."""
        response: HttpResponse = super()._handle_login_prompt(request, prompts)
        if request.user.is_authenticated and not request.user.has_usable_password():
            query = urlsplit(response.headers["Location"]).query
            return sign_in_again(request, then=parse_qs(query)["next"][0])
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
        for code in query.get("code", []):
            remember_granter(code, self.request.user)
        return response

    def _client_name(self, location: str) -> str:
        uri = location.partition("?")[0]
        found = Client.objects.filter(redirect_uris=uri).first()
        return found.name if found else "the application"


class TokenView(views.TokenView):  # type: ignore[misc]
    """Codes and refresh tokens for tokens."""

    def post(self, request: HttpRequest) -> HttpResponse:
        redeemers: dict[str, View] = {
            Client.GrantType.AUTHORIZATION_CODE: self._redeem_code,
            Client.GrantType.DEVICE_CODE: self._redeem_device_code,
            Client.GrantType.REFRESH_TOKEN: self._redeem_refresh_token,
        }
        redeem = redeemers.get(request.POST.get("grant_type", "")) or super().post
        with transaction.atomic():
            return redeem(request)

    def _redeem_code(self, request: HttpRequest) -> HttpResponse:
        client_id, code = request.POST.get("client_id", ""), request.POST.get("code", "")
        found = authorization_codes.lookup(client_id, code)
        if found is None or not claim(code):
            return _error(InvalidGrantError())
        try:
            is_s256 = found.get("pkce", {}).get("code_challenge_method") == "S256"
            if not is_s256 or not lock_granter(code):
                return _error(InvalidGrantError())
            response: HttpResponse = super().post(request)
            return response
        finally:
            authorization_codes.invalidate(client_id, code)

    def _redeem_device_code(self, request: HttpRequest) -> HttpResponse:
        code = request.POST.get("device_code", "")
        take_turns(code)
        stands = lock_granter(code)
        response: HttpResponse = super().post(request)
        if response.status_code == 200 and not (stands and claim(code)):
            raise InvalidGrantError
        _remember_grant(response, Client.GrantType.DEVICE_CODE)
        return response

    def _redeem_refresh_token(self, request: HttpRequest) -> HttpResponse:
        former = lock_refresh_token(request.POST.get("refresh_token", ""))
        grant = grant_of(former) if former else ""
        response: HttpResponse = super().post(request)
        _remember_grant(response, grant)
        return response


class DeviceCodeView(views.DeviceCodeView):  # type: ignore[misc]
    """The start of a sign-in on a device that no redirect can reach (RFC 8628)."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        count_device_code(request)
        if request.content_type != _FORM:
            raise InvalidRequestError(f"Content-Type must be {_FORM}")
        request.META["CONTENT_TYPE"] = _FORM  # oauthlib takes it without a charset only
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


def _remember_grant(response: HttpResponse, grant: str) -> None:
    """Note it on the tokens of this answer: a session that comes of them will say it."""
    if response.status_code == 200 and grant:
        issued = json.loads(response.content)
        names = ("access_token", "refresh_token")
        remember_grant([issued[name] for name in names if name in issued], grant)


def endpoint(view: View) -> View:
    """Make a view an endpoint of OAuth: no cookie counts, nothing is cached, errors are JSON."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = _answer(view, request)
        response.headers["Cache-Control"] = "no-store"
        return response

    return answer


def _answer(view: View, request: HttpRequest) -> HttpResponse:
    try:
        _refuse_odd_parameters(request)
        return view(request)
    except OAuth2Error as error:
        return _error(error)
    except RateLimited as limited:
        headers = {"Retry-After": str(limited.facts["retry_after"])}
        return JsonResponse({"error": "temporarily_unavailable"}, status=429, headers=headers)
    except ValidationError:
        return JsonResponse({"error": "invalid_target"}, status=400)
    except UNAVAILABLE:
        return JsonResponse({"error": "temporarily_unavailable"}, status=503)


def _error(error: OAuth2Error) -> HttpResponse:
    return JsonResponse(dict(error.twotuples), status=error.status_code, headers=error.headers)


def _refuse_odd_parameters(request: HttpRequest) -> None:
    for name, values in request.POST.lists():
        if len(values) > 1 and name != "resource":
            raise InvalidRequestError(f"Duplicate {name} parameter.")
        if any("\0" in text for text in (name, *values)):
            raise InvalidRequestError("A parameter contains a NUL byte.")


def _problem_to_show(request: HttpRequest) -> str:
    """Say what must not be reported to the redirect URI, for nobody knows whose it is."""
    for name in _NOT_TWICE:
        if len(request.GET.getlist(name)) > 1:
            return f"The link contains the parameter {name} twice."
    client = Client.objects.filter(pk=request.GET.get("client_id", "")).first()
    if client is None:
        return "The link does not name a known application."
    if request.GET.get("redirect_uri", "") not in client.get_redirect_uris():
        return f"The link returns to an address that is not registered for {client.name}."
    return ""


def _problem_to_report(request: HttpRequest) -> tuple[str, str] | None:
    """Return the error and its description, which the client gets at its redirect URI."""
    if request.GET.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256"
    if not _S256_CHALLENGE.fullmatch(request.GET.get("code_challenge", "")):
        return "invalid_request", "code_challenge must be a SHA-256 in base64url"
    if not _is_json_object(request.GET.get("claims", "{}")):
        return "invalid_request", "claims must be a JSON object"
    if "none" in request.GET.get("prompt", "").split():
        return "interaction_required", "the user is always asked"
    return None


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _report(request: HttpRequest, error: str, description: str) -> HttpResponse:
    params = {"error": error, "error_description": description}
    if state := request.GET.get("state", ""):
        params["state"] = state
    location = add_query_params(request.GET["redirect_uri"], params)
    return HttpResponse(status=302, headers={"Location": location})


authorization = AuthorizationView.as_view()
token = endpoint(TokenView.as_view())
device_code = endpoint(DeviceCodeView.as_view())
revoke = endpoint(views.RevokeView.as_view())
user_info = endpoint(views.UserInfoView.as_view())
