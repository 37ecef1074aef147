"""The IP address and the program of the client of a request."""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest, HttpResponseBase

from core.plain_settings import settings

_LONGEST = 1000


@dataclass(frozen=True)
class Client:
    """Who asks: ``network`` is the address without its last part, ``agent`` the User-Agent."""

    network: str = ""
    agent: str = ""


_current: ContextVar[Client | None] = ContextVar("client", default=None)


def remember_client(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware of the standard handler: let ``current_client`` know who asks."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        token = _current.set(client_of(request))
        try:
            return get_response(request)
        finally:
            _current.reset(token)

    return middleware


def current_client() -> Client:
    """Return the client of the running request; an empty one outside of requests."""
    return _current.get() or Client()


def client_of(request: HttpRequest) -> Client:
    agent = request.META.get("HTTP_USER_AGENT", "")[:_LONGEST].replace("\0", "")
    return Client(network_of(client_address(request)), agent)


def network_of(address: str) -> str:
    """Return the network of an address, which many share: /24 of IPv4, /48 of IPv6."""
    parsed = ip_address(address)
    if parsed.is_unspecified:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def client_address(request: HttpRequest) -> str:
    """Return the address of the client (RATELIMIT_IP_META_KEY).

    `X-Forwarded-For` is anybody's word, but for its last entry, which is that of our own proxy:
    it counts where TRUSTED_PROXY says that there is one.
    """
    address = _parsed(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXY:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
        address = _parsed(forwarded.strip()) or address
    return str(address or IPv4Address(0))  # 0.0.0.0: a unix socket's peer has none


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
