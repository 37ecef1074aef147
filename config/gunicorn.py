"""gunicorn's configuration: `gunicorn -c config/gunicorn.py config.asgi:application`."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "config.worker.Worker"
# A worker that is told to stop lets its streams end first.
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT", "60"))
# Of that time the streams have the larger part; then they are cancelled and settled.
stream_timeout = max(graceful_timeout - 10, graceful_timeout // 2)
# It gives no sign of life meanwhile.
timeout = graceful_timeout + 60
keepalive = 75
# The app writes the access log, with request ids.
accesslog = None
errorlog = "-"
loglevel = "warning"
