"""The control API, for tests: set faults per model, read and clear the journal.

    POST   /_control/faults    {"model": "openai/gpt-5", "fault": "cut", "after": 5}
    DELETE /_control/faults
    GET    /_control/journal   ?model= &user= &outcome= &path= narrow it, ?last=N ends it
    DELETE /_control/journal
    GET    /_control/totals

A fault takes any key of a directive; ``model`` left out means every model.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from devserver.upstream.errors import unknown_url, wrong_method
from devserver.upstream.faultbook import FaultBook
from devserver.upstream.journal import Journal, Record
from devserver.upstream.validation import parse
from devserver.upstream.wire import Request

_FILTERS = ("model", "user", "outcome", "path")


class Control:
    def __init__(self, *, journal: Journal, faults: FaultBook) -> None:
        self._journal = journal
        self._faults = faults
        self._endpoints: dict[str, dict[str, Callable[[Request], Any]]] = {
            "/_control/faults": {"POST": self._set_fault, "DELETE": self._clear_faults},
            "/_control/journal": {"GET": self._show_journal, "DELETE": self._clear_journal},
            "/_control/totals": {"GET": self._show_totals},
        }

    def answer(self, request: Request) -> Any:
        endpoint = self._endpoints.get(request.path)
        if endpoint is None:
            raise unknown_url(request.method, request.path)
        if request.method not in endpoint:
            raise wrong_method(request.method, request.path)
        return endpoint[request.method](request)

    def _set_fault(self, request: Request) -> Any:
        fields = parse(request.body)
        model = str(fields.pop("model", "*"))
        self._faults.set(model=model, fields=fields)
        return {"model": model, **fields}

    def _clear_faults(self, _: Request) -> Any:
        self._faults.clear()
        return {}

    def _show_journal(self, request: Request) -> Any:
        query = request.query
        wanted = {key: query[key] for key in _FILTERS if key in query}
        newest = (record for record in self._journal.newest_first() if _fits(record, wanted))
        last = int(query["last"]) if query.get("last", "").isdecimal() else None
        views = [record.view() for record in islice(newest, last)]
        return {"requests": views[::-1]}

    def _clear_journal(self, _: Request) -> Any:
        self._journal.clear()
        return {}

    def _show_totals(self, _: Request) -> Any:
        return self._journal.totals()


def _fits(record: Record, wanted: dict[str, str]) -> bool:
    return all(getattr(record, key) == value for key, value in wanted.items())
