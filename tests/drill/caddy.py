"""Caddy with deploy/caddy/Caddyfile in front of the web hosts, with a certificate by ACME.

Pebble is the certificate authority. It looks for the answer to its challenge at the address that
its own name server gives, as a real one would.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.drill import tls
from tests.drill.addresses import (
    ACME_DIRECTORY,
    ACME_MANAGEMENT,
    CADDY,
    CADDY_ADMIN,
    CADDY_HTTP,
    CADDY_HTTPS,
    EDGE,
    NAME_SERVER,
    NAME_SERVER_MANAGEMENT,
    SITE_HOST,
    WEB,
    WEB_PORT,
)
from tests.drill.certificates import Authority
from tests.drill.hosts import listens
from tests.drill.programs import BIN, DEPLOY, Program, wait_until


@contextmanager
def running(folder: Path, logs: Path, authority: Authority) -> Iterator[Path]:
    """Start it; yields the file with the root of the certificate that it got."""
    folder = folder / "caddy"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        for program in _programs(folder, logs, authority):
            stack.callback(program.stop)
            program.start()
        root = folder / "issuer.pem"
        trusted = ssl.create_default_context(cafile=str(authority.root))
        answer = httpx.get(f"https://{EDGE}:{ACME_MANAGEMENT}/roots/0", verify=trusted, timeout=30)
        root.write_bytes(answer.raise_for_status().content)
        wait_until(lambda: _has_certificate(root), "a certificate by ACME")
        yield root


def _programs(folder: Path, logs: Path, authority: Authority) -> list[Program]:
    own = folder / "pebble.pem"
    authority.issue(own, names=("localhost",), addresses=(EDGE,))
    (folder / "pebble.json").write_text(
        json.dumps(
            {
                "pebble": {
                    "listenAddress": f"{EDGE}:{ACME_DIRECTORY}",
                    "managementListenAddress": f"{EDGE}:{ACME_MANAGEMENT}",
                    "certificate": str(own),
                    "privateKey": str(own),
                    "httpPort": CADDY_HTTP,
                    "tlsPort": CADDY_HTTPS,
                }
            }
        )
    )
    (folder / "options").write_text(f"acme_ca_root {authority.root}\n")
    names = f"{EDGE}:{NAME_SERVER}"
    caddy = {
        "ALLOWED_HOSTS": SITE_HOST,
        "ACME_EMAIL": "operator@tokengate.test",
        "ACME_CA": f"https://{EDGE}:{ACME_DIRECTORY}/dir",
        "ACME_OPTIONS": str(folder / "options"),
        "UPSTREAMS": " ".join(f"{host}:{WEB_PORT}" for host in WEB),
        "HTTP_PORT": str(CADDY_HTTP),
        "HTTPS_PORT": str(CADDY_HTTPS),
        "BIND": CADDY,
        "ADMIN": f"{CADDY}:{CADDY_ADMIN}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "PATH": f"{BIN}:/usr/bin:/bin",
    }
    return [
        Program(
            "name-server",
            [
                "pebble-challtestsrv",
                *("-defaultIPv4", CADDY, "-defaultIPv6", ""),
                *("-dns01", names, "-http01", "", "-https01", "", "-tlsalpn01", ""),
                *("-management", f"{EDGE}:{NAME_SERVER_MANAGEMENT}"),
            ],
            logs=logs,
        ),
        Program(
            "pebble",
            ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", names],
            logs=logs,
            env={"PEBBLE_VA_NOSLEEP": "1"},
            ready=lambda: listens(EDGE, ACME_MANAGEMENT),
        ),
        Program(
            "caddy",
            ["sh", str(DEPLOY / "caddy" / "start.sh")],
            logs=logs,
            env=caddy,
            ready=lambda: listens(CADDY, CADDY_HTTPS),
        ),
    ]


def _has_certificate(root: Path) -> bool:
    context = ssl.create_default_context(cafile=str(root))
    with tls.connect(context, CADDY, CADDY_HTTPS):
        return True
