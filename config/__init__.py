"""Settings, URLs, ASGI and Celery of the site."""
