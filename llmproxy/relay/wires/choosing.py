"""The wire for each of a model's providers."""

import time
from collections.abc import Sequence

from llmproxy.catalog.snapshot import ServedModel, ServedRoute
from llmproxy.errors import FieldRefused
from llmproxy.protocol.calls import Call
from llmproxy.protocol.dialects import DIALECTS, Reply, Target, Untranslatable
from llmproxy.protocol.dialects import Exchange as Translation
from llmproxy.providers import Dialect
from llmproxy.relay.wires.base import Wire
from llmproxy.relay.wires.chat import ChatWire
from llmproxy.relay.wires.native import NativeWire
from llmproxy.relay.wires.translated import TranslatedWire


class Wires:
    """The wires of one request. Each translation is made once, when it is first needed."""

    def __init__(self, call: Call, model: ServedModel, request_id: str) -> None:
        self._call = call
        self._model = model
        self._request_id = request_id
        self._wires: dict[str, Wire] = {}
        self._translations: dict[Target, Translation] = {}

    def of(self, route: ServedRoute) -> Wire:
        """Return the wire for a provider.

        Raises ``Untranslatable``, or ``FieldRefused`` for a field that must not be sent to it.
        """
        name = route.provider.name
        if name not in self._wires:
            wire = self._made_for(route.provider.dialect)
            if field := route.provider.dialect.refused_field(wire.body, wire.dialect):
                raise FieldRefused(field)
            self._wires[name] = wire
        return self._wires[name]

    def _made_for(self, dialect: Dialect) -> Wire:
        spoken = self._call.endpoint.dialect
        if spoken == "chat":
            return ChatWire(self._call)
        if spoken in dialect.native:
            return NativeWire(self._call)
        return TranslatedWire(self._call, self._translation(dialect.target))

    def require(self, routes: Sequence[ServedRoute]) -> None:
        """Raise the error of the request if it cannot be sent to any of the providers.

        A field that must not be sent to one of them is refused for all. Translations for the
        providers after the first are made when they are tried.
        """
        refused: Untranslatable | None = None
        for route in routes:
            try:
                self.of(route)
            except Untranslatable as error:
                refused = refused or error
            else:
                if self._call.endpoint.dialect != "chat":
                    return
        if refused:
            raise refused

    def _translation(self, target: Target) -> Translation:
        if target not in self._translations:
            reply = Reply(
                id=self._request_id.replace("-", ""),
                created=int(time.time()),
                model=self._model.name,
                prompt_tokens=self._call.prompt.likely,
            )
            dialect = DIALECTS[self._call.endpoint.dialect]
            self._translations[target] = dialect.exchange(self._call.body, target, reply)
        return self._translations[target]
