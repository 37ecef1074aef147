"""What clients may negotiate with the site: TLS 1.2 and 1.3 with strong ciphers, and HSTS."""

import socket
import ssl
import subprocess

from tests.drill.addresses import EDGE, HTTPS, SITE_HOST
from tests.drill.site import Site

_OLD = ("-ssl3", "-tls1", "-tls1_1")
_NEW = ("-tls1_2", "-tls1_3")
# Without forward secrecy, without authenticated encryption, without a server's name.
_WEAK = ("AES128-SHA", "AES256-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "aNULL", "eNULL")


def is_expired(site: Site) -> bool:
    """Tell whether a client refuses the site's certificate as expired."""
    context = ssl.create_default_context(cafile=str(site.authority.root))
    try:
        connect(context).close()
    except ssl.SSLCertVerificationError as error:
        return "expired" in str(error)
    return False


def faults(root: str, *, host: str = EDGE, port: int = HTTPS) -> list[str]:
    """Return what is wrong with the TLS of a server: protocols, ciphers, certificate, HSTS."""
    found = [f"{name} is accepted" for name in _OLD if _accepts(host, port, name)]
    found += [f"{name} is refused" for name in _NEW if not _accepts(host, port, name)]
    for cipher in _WEAK:
        options = ("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        if _accepts(host, port, *options):
            found.append(f"{cipher} is accepted")
    context = ssl.create_default_context(cafile=root)
    with connect(context, host, port) as client:
        client.sendall(f"GET /api/health HTTP/1.1\r\nHost: {SITE_HOST}\r\n\r\n".encode())
        answer = client.recv(65536).decode().lower()
    if "strict-transport-security: max-age=31536000" not in answer:
        found.append("HSTS is missing")
    return found


def connect(context: ssl.SSLContext, host: str = EDGE, port: int = HTTPS) -> ssl.SSLSocket:
    plain = socket.create_connection((host, port), timeout=10)
    return context.wrap_socket(plain, server_hostname=SITE_HOST)


def _accepts(host: str, port: int, *options: str) -> bool:
    """Tell whether openssl, which still knows the old ones, gets a session."""
    command = ["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", SITE_HOST]
    if "-cipher" not in options:
        command += ["-cipher", "ALL:@SECLEVEL=0"]
    done = subprocess.run(
        [*command, *options], input=b"", capture_output=True, timeout=60, check=False
    )
    return b"New, TLS" in done.stdout and b"Cipher is (NONE)" not in done.stdout
