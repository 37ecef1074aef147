"""Health endpoints for load balancers: liveness and readiness.

The state of the providers is shown but does not affect readiness: other servers could not reach
them either, and everything that needs no provider works.
"""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from config import tasks
from core.errors import InvalidRequest
from core.http.methods import allow_methods
from llmproxy.routing import health

_migrated = False


def _health(name: str, summary: str, properties: dict[str, Any], **answers: str) -> dict[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    body = {"application/json": {"schema": schema}}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["health"],
            "security": [{}],
            "responses": {
                status.removeprefix("on_"): {"description": description, "content": body}
                for status, description in answers.items()
            },
        }
    }


_REQUIRE: dict[str, Any] = {
    "name": "require",
    "in": "query",
    "description": "The checks to make, separated by commas. By default all.",
    "schema": {"type": "string", "examples": ["database,migrations"]},
}
_PARTS: dict[str, Any] = {"enum": ["beat", "database", "migrations", "redis", "worker"]}
# The health's part of the OpenAPI document.
HEALTH_PATHS: dict[str, Any] = {
    "/api/health": _health(
        "health",
        "The process serves",
        {"status": {"const": "ok"}},
        on_200="The process is running.",
    ),
    "/api/health/ready": _health(
        "ready",
        "Every part works",
        {
            "status": {"enum": ["ok", "unavailable"]},
            "checks": {
                "type": "object",
                "propertyNames": _PARTS,
                "additionalProperties": {"enum": ["ok", "failing"]},
            },
            "failing": {"type": "array", "items": _PARTS},
            "providers": {
                "type": "object",
                "additionalProperties": {"enum": ["up", "degraded", "down", "off"]},
            },
        },
        on_200="Every check passes.",
        on_503="Some checks fail: `failing` lists them.",
    ),
}
_READY = HEALTH_PATHS["/api/health/ready"]["get"]
_READY["parameters"] = [_REQUIRE]
_READY["responses"]["400"] = {
    "description": "`require` names no check.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


@csrf_exempt
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """Answer while the process is running."""
    allow_methods(request, "GET", "HEAD")
    return JsonResponse({"status": "ok"})


@csrf_exempt
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if every check passes, or 503 with the names of the failing checks.

    ``?require=database,migrations`` makes only these checks. A load balancer asks so: without Redis
    or Celery, requests are still served.
    """
    allow_methods(request, "GET", "HEAD")
    checks = {name: _CHECKS[name] for name in _required(request)}
    parts = {name: _works(check) for name, check in checks.items()}
    failing = [name for name, works in parts.items() if not works]
    return JsonResponse(
        {
            "status": "unavailable" if failing else "ok",
            "checks": {name: "ok" if works else "failing" for name, works in parts.items()},
            "failing": failing,
            "providers": _providers(),
        },
        status=503 if failing else 200,
    )


def _required(request: HttpRequest) -> list[str]:
    names = request.GET.get("require")
    if names is None:
        return list(_CHECKS)
    required = list(dict.fromkeys(filter(None, names.split(","))))
    if not required or not _CHECKS.keys() >= set(required):
        listed = ", ".join(_CHECKS)
        raise InvalidRequest(f"`require` lists some of: {listed}.", param="require")
    return required


def _providers() -> dict[str, str]:
    try:
        return health.states()
    except Exception:  # noqa: BLE001 - a database that is away is told by its own check
        return {}


def _works(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001 - whatever it is, this part does not work
        return False


def _database() -> bool:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _redis() -> bool:
    cache.set("health", 1, timeout=5)
    return bool(cache.get("health"))


def _migrations() -> bool:
    global _migrated  # Once true it stays so for this process.
    if not _migrated:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _migrated


_CHECKS = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "beat": tasks.beat_is_alive,
    "worker": tasks.worker_is_alive,
}
