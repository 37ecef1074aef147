"""Settings, URLs, ASGI, error rendering: the frame around the apps."""
