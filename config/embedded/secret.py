"""The signing secret of a development checkout, so that nobody has to make one up."""

import fcntl
import secrets

from config.embedded.folders import make_private
from config.embedded.places import data_dir


def development_secret() -> str:
    """A random secret, made once for each data folder: sessions outlive a restart."""
    path = data_dir() / "secret_key"
    make_private(path.parent)
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two processes may be the first
        path.chmod(0o600)
        file.seek(0)
        secret = file.read() or secrets.token_urlsafe(48)
        if not file.tell():
            file.write(secret)
        return secret
