"""The public URL of the site, for links in email, which have no request.

The Host header is chosen by the caller: a link built from it, in a message to someone else, could
point to the caller's site.
"""

from urllib.parse import urlsplit

from django.conf import settings


def site_url() -> str:
    """Return `https://host`, without a slash at its end: from the settings only."""
    public: str = settings.PUBLIC_URL.rstrip("/")
    return public or f"{settings.ACCOUNT_DEFAULT_HTTP_PROTOCOL}://{_host()}"


def site_host() -> str:
    """Return the host, and the port where it is not the usual one."""
    return urlsplit(site_url()).netloc


def named_hosts() -> list[str]:
    """Return the hosts that ALLOWED_HOSTS names in full."""
    return [host for host in settings.ALLOWED_HOSTS if not host.startswith(("*", "."))]


def _host() -> str:
    """With DEBUG the site is on this machine's loopback address only, at its own port."""
    here = f"127.0.0.1:{settings.PORT}"
    return here if settings.DEBUG else next(iter(named_hosts()), here)
