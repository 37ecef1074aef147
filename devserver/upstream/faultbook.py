"""The faults set for each model, and how often each still occurs."""

from collections import Counter
from typing import Any

from devserver.upstream.directives import Directive, build


class FaultBook:
    """Faults set through the control API, and the count of those with ``times``."""

    def __init__(self) -> None:
        self._by_model: dict[str, dict[str, Any]] = {}
        self._seen: Counter[str] = Counter()

    def set(self, *, model: str, fields: dict[str, Any]) -> None:
        """Steer all requests of the model (``*`` = every model); a message's own keys win."""
        build(fields)
        fields = {"id": f"control:{model}", **fields}
        self._seen.pop(str(fields["id"]), None)
        self._by_model[model] = fields

    def clear(self) -> None:
        self._by_model.clear()
        self._seen.clear()

    def directive(self, *, model: str, fields: dict[str, str]) -> Directive:
        """What a request for the model, with these keys in its messages, is to do."""
        return self._while_it_lasts(build({**self._set_for(model), **fields}))

    def _set_for(self, model: str) -> dict[str, Any]:
        if not self._by_model:
            return {}
        return {**self._by_model.get("*", {}), **self._by_model.get(model, {})}

    def _while_it_lasts(self, directive: Directive) -> Directive:
        if not directive.fault or directive.times is None:
            return directive
        self._seen[directive.id] += 1
        if self._seen[directive.id] <= directive.times:
            return directive
        return directive.without_fault()
