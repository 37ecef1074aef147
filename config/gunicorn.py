"""gunicorn's configuration: `gunicorn -c config/gunicorn.py config.asgi:application`."""

import gc
import os
import shutil
import tempfile
from typing import Any

from core.env import env

bind = f"{env.str('HOST', '127.0.0.1')}:{env.int('PORT', 8000)}"
workers = env.int("WEB_CONCURRENCY", 2)
worker_class = "config.worker.Worker"
# A worker that is told to stop lets its streams end first.
graceful_timeout = env.int("GRACEFUL_TIMEOUT", 60)
# Of that time the streams have the larger part; then they are cancelled and settled.
stream_timeout = max(graceful_timeout - 10, graceful_timeout // 2)
# It gives no sign of life meanwhile.
timeout = graceful_timeout + 60
keepalive = 75
# How long a client may take to send the head of a request.
head_timeout = env.float("CLIENT_HEAD_TIMEOUT", 30.0)
# It would be one file for every checkout of this user.
control_socket_disable = True
# The app writes the access log, with request ids.
accesslog = None
errorlog = "-"
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Make the folder where the workers share their metrics (config/metrics.py).

    It has to be named before a worker imports prometheus_client.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="tokengate-metrics-")


def post_fork(server: Any, worker: Any) -> None:
    """Look for no garbage while the app is loaded: that would be a sixth of its start.

    config/lifespan.py begins with it.
    """
    gc.disable()


def child_exit(server: Any, worker: Any) -> None:
    """Delete the gauges of a worker that has ended."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Delete the metrics folder."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
