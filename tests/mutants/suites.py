"""What mutmut changes, and the tests that should notice."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.upgrades.released import ROOT


@dataclass(frozen=True)
class Suite:
    """Modules, and the tests for them. ``sources`` are copied, with ``tests``, and changed there.

    ``has_database``: whether the tests have one, and the project's configuration, or neither.
    ``isolation``: mutmut's ``process_isolation``. ``patience``: how many times longer than without
    a change the tests may take.
    """

    name: str
    title: str
    modules: list[str]
    tests: list[str]
    sources: list[str]
    has_database: bool = False
    isolation: str = "fork"
    patience: int = 15
    at_once: int = os.cpu_count() or 1
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return ROOT / ".mutants" / self.name


# Which of the pure modules (pyproject.toml) are about money or limits. Their tests import nothing
# of Django, and use no fixture of a conftest.py, so that a mutant costs a fraction of a second.
PURE = Suite(
    name="pure",
    title="Pure modules",
    modules=[
        "billing/pricing/proration.py",
        "billing/stripe/readings.py",
        "core/currencies.py",
        "core/decimals.py",
        "llmproxy/catalog/pricing.py",
        "llmproxy/protocol/*.py",
        "llmproxy/relay/ceiling.py",
        "llmproxy/routing/breaker.py",
        "tokens/limits/states.py",
        "tokens/limits/windows.py",
        "tokens/periods.py",
    ],
    tests=[
        "tests/billing/test_proration.py",
        "tests/billing/test_readings.py",
        "tests/core",
        "tests/llmproxy/dialects",
        "tests/llmproxy/protocol",
        "tests/llmproxy/test_breaker.py",
        "tests/llmproxy/test_ceiling.py",
        "tests/llmproxy/test_estimate.py",
        "tests/llmproxy/test_sse.py",
        "tests/llmproxy/test_usage.py",
        "tests/llmproxy/test_usage_reports.py",
        "tests/tokens/test_limit_headers.py",
        "tests/tokens/test_local_windows.py",
        "tests/tokens/test_periods.py",
    ],
    sources=["billing", "core", "llmproxy", "tokens"],
    environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
)

# The Python that calls the ledger's SQL, with a database, which all mutants share.
CALLERS = Suite(
    name="callers",
    title="Callers of the ledger",
    modules=[
        f"tokens/ledger/{name}.py"
        for name in ("batched", "batching", "functions", "items", "synchronous")
    ],
    tests=[
        f"tests/tokens/test_{name}.py"
        for name in (
            *("settle", "reserve", "adjust", "bounded_reports", "batch_equals_its_items"),
            *("batcher", "batches", "key_budget", "session_budget", "expire", "renewal_of_leases"),
            *("running_requests", "weights_of_receipts", "spool", "items_of_the_ledger"),
        )
    ],
    sources=[
        *("accounts", "adminpanel", "apikeys", "billing", "config", "core", "devserver"),
        *("docs", "llmproxy", "manage.py", "portal", "requirements", "tokens"),
    ],
    has_database=True,
    isolation="forkserver",  # the tests' connections do not survive a fork
    patience=5,
    at_once=1,
)

SUITES = {suite.name: suite for suite in (PURE, CALLERS)}
