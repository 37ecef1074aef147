"""Environment variables of a development checkout's processes."""

import os
from collections.abc import Mapping

from core.env import env
from devserver.embedded.secret import development_rsa_key, development_secret

_SECRETS = {
    "SECRET_KEY": development_secret,
    "IDP_OIDC_PRIVATE_KEY": development_rsa_key,
}


def development_variables(urls: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the settings need, if `.env` and the caller do not set them.

    ``EMBEDDED_SERVERS`` lists the variables of the embedded servers. Signing secrets are created
    only for debug mode, which is on by default with the embedded database.
    """
    embedded = ",".join(urls) or os.environ.get("EMBEDDED_SERVERS", "")
    found = {"EMBEDDED_SERVERS": embedded} if embedded else {}
    if env.bool("DEBUG", default="DATABASE_URL" in embedded):
        found |= {name: make() for name, make in _SECRETS.items() if not env.str(name, "")}
    return found
