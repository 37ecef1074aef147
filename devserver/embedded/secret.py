"""The generated signing secrets of a development checkout."""

import fcntl
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from devserver.embedded.folders import make_private
from devserver.embedded.places import data_dir


def development_secret() -> str:
    """A random secret, created once for each data folder, so that sessions survive a restart."""
    return _made_once("secret_key", lambda: secrets.token_urlsafe(48))


def development_rsa_key() -> str:
    """A private key in PEM, created once in the same way. It signs the ID tokens for editors."""
    return _made_once("oidc_key.pem", rsa_key)


def _made_once(name: str, make: Callable[[], str]) -> str:
    path = data_dir() / name
    make_private(path.parent)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may create it concurrently
        path.chmod(0o600)
        file.seek(0)
        secret = file.read() or make()
        if not file.tell():
            file.write(secret)
        return secret


def rsa_key() -> str:
    """Return a new RSA key, in PEM format."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
