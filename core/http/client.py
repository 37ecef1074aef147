"""The IP address of the client of a request."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


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
