"""Starts the embedded servers before Django reads its settings (`-p tests.servers`).

In the controlling process only: the workers of pytest-xdist inherit its environment, and each takes
a Redis database of its own. With DATABASE_URL and REDIS_URL set, those are used.
"""

import os

from devserver import embedded
from tests.redis_databases import of_this_worker

os.environ.setdefault("DEBUG", "true")
os.environ.setdefault("LOG_LEVEL", "WARNING")
embedded.ensure(profile="test")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["REDIS_URL"] = of_this_worker(os.environ["REDIS_URL"])
