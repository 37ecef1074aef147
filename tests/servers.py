"""Starts the embedded servers before Django reads its settings (`-p tests.servers`).

In the controlling process only: the workers of pytest-xdist inherit its environment. With
DATABASE_URL and REDIS_URL set, those are used.
"""

import os

from config import embedded

os.environ.setdefault("DEBUG", "true")
os.environ.setdefault("LOG_LEVEL", "WARNING")
embedded.ensure(profile="test")
