"""Django's request, made with few calls, for the lean handler. Imports no app."""

from typing import IO, Any

from django.core.handlers.asgi import ASGIRequest

from core.plain_settings import settings

# Content types without parameters, which need no parser.
_PLAIN_TYPES = frozenset(("", "application/json"))
# The longest name of a header that is kept: anybody may send any.
_LONGEST_KEPT = 100


class LeanRequest(ASGIRequest):
    """A request whose body is known. It has all that Django's has, except where noted.

    Django's constructor makes each header's name in ``META`` anew: here it is looked up.
    """

    def __init__(self, scope: Any, body_file: IO[bytes]) -> None:
        self.scope = scope
        self._post_parse_error = self._read_started = False
        self.resolver_match = None
        self.path = self.path_info = scope["path"]
        self.script_name = settings.FORCE_SCRIPT_NAME or scope.get("root_path") or ""
        if self.script_name:
            self.path_info = self.path.removeprefix(self.script_name)
        self.method = scope["method"].upper()
        self.META = self._meta(scope)
        self.content_type, self.content_params = self.META.get("CONTENT_TYPE", ""), {}
        if self.content_type not in _PLAIN_TYPES:
            self._set_content_type_params(self.META)  # type: ignore[attr-defined]
        self._stream = body_file  # type: ignore[assignment]

    @property
    def scheme(self) -> str | None:
        """Return the scheme as Django does, which reads its settings anew each time."""
        proxy_header: Any = settings.SECURE_PROXY_SSL_HEADER
        return super().scheme if proxy_header else self._get_scheme()  # type: ignore[attr-defined]

    def _meta(self, scope: Any) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "QUERY_STRING": scope.get("query_string", b"").decode(),
            "SCRIPT_NAME": self.script_name,
            "PATH_INFO": self.path_info,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
        }
        if client := scope.get("client"):
            meta["REMOTE_ADDR"] = meta["REMOTE_HOST"] = client[0]
            meta["REMOTE_PORT"] = client[1]
        name, port = scope.get("server") or ("unknown", 0)
        meta["SERVER_NAME"], meta["SERVER_PORT"] = name, str(port)
        repeated: dict[str, list[str]] = {}  # Text is not added to text: there may be a million.
        for raw, value in scope.get("headers", ()):
            key = _keys[raw] if raw in _keys else _key(raw)
            if key in meta:  # of another header: the names above are none's
                repeated.setdefault(key, [meta[key]]).append(value.decode("latin1"))
            elif key:
                meta[key] = value.decode("latin1")
        for key, texts in repeated.items():
            meta[key] = ",".join(texts)
        return meta


_keys: dict[bytes, str] = {}
_MOST_KEPT = 1000


def _key(name: bytes) -> str:
    """Return a header's name in ``META``; "" if it has an underscore, as Django ignores those."""
    text = name.decode("latin1")
    key = "" if "_" in text else text.upper().replace("-", "_")
    if key and text not in ("content-length", "content-type"):
        key = f"HTTP_{key}"
    if len(name) <= _LONGEST_KEPT:
        if len(_keys) >= _MOST_KEPT:
            _keys.clear()  # Those of most requests are soon known again.
        _keys[name] = key
    return key
