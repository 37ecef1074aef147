"""Real PostgreSQL and Valkey, wherever DATABASE_URL or REDIS_URL is unset.

``database_url`` and ``redis_url`` are pure; ``ensure`` and ``running`` start what is needed.
``python -m devserver.embedded -- COMMAND`` runs a command with both variables set.
"""

from devserver.embedded.errors import EmbeddedError
from devserver.embedded.lifetime import ensure, running
from devserver.embedded.places import Profile, data_dir, database_url, is_embedded, redis_url
from devserver.embedded.secret import development_rsa_key, development_secret
from devserver.embedded.site import announced, join_site

__all__ = [
    "EmbeddedError",
    "Profile",
    "announced",
    "data_dir",
    "database_url",
    "development_rsa_key",
    "development_secret",
    "ensure",
    "is_embedded",
    "join_site",
    "redis_url",
    "running",
]
