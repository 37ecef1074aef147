"""From figures to the section of docs/performance.md that is ours."""

import statistics
from pathlib import Path

from tests.load.contenders import Contender
from tests.load.rounds import DIRECT, Measured
from tests.load.scenarios import SCENARIOS, START, Scenario
from tests.load.sections import machine

OURS = "this proxy"
_BEGIN, _END = "<!-- the proxy: begin -->", "<!-- the proxy: end -->"
_TITLE = "# Performance\n"


def section(measured: Measured, found: list[Contender], *, callers: int, command: str) -> str:
    """Return the section as Markdown: how it was measured, and a table for each scenario."""
    parts = [_BEGIN, "## The proxy", _conditions(callers, command)]
    parts += [
        _table(scenario, measured)
        for scenario in [*SCENARIOS, START]
        if _was_run(scenario, measured)
    ]
    if missing := [f"{c.name} ({c.missing})" for c in found if c.missing]:
        parts.append(f"Not measured: {', '.join(missing)}.")
    if silent := [c.name for c in found if not c.missing and not c.streams]:
        parts.append(f"Without streams, which it fails to relay here: {', '.join(silent)}.")
    return "\n\n".join([*parts, _END]) + "\n"


def write(file: Path, section: str) -> None:
    """Put the section into the file, in the place of the former one, and leave the rest alone."""
    text = file.read_text() if file.exists() else _TITLE
    before, begin, rest = text.partition(_BEGIN)
    after = rest.partition(_END + "\n")[2] if begin else ""
    file.write_text(before + ("" if begin else "\n") + section + after)


def _conditions(callers: int, command: str) -> str:
    return (
        f"Measured by `{command}` ({machine()}). This proxy runs as in production, one"
        f" worker process with everything on: {callers} users with a key each, the ledger in"
        " PostgreSQL with synchronous commits, usage records, JSON logs. LiteLLM checks a master"
        " key, any-llm's gateway checks keys and writes spend to PostgreSQL; the others only relay."
        " Each contender has a core to itself; the load generator, the upstream and PostgreSQL"
        f" share another. *{DIRECT}* is the load generator on the upstream itself.\n\n"
        "The figures are medians over interleaved rounds; a ratio is the median of the ratios to"
        " *bare ASGI* (a loop of a few lines over the same transport) within a round. CPU is the"
        " server's own, from `/proc`."
    )


def _was_run(scenario: Scenario, measured: Measured) -> bool:
    return any(name == scenario.name for name, _ in measured)


def _table(scenario: Scenario, measured: Measured) -> str:
    rows = {who: figures for (name, who), figures in measured.items() if name == scenario.name}
    names = list(next(iter(rows.values()))[0])
    ratios = [(names[0], "bare ASGI"), *((name, OURS) for name in names if "CPU" in name)]
    titles = [*names, *(f"{_quantity(name)}, of {base}" for name, base in ratios)]
    lines = [f"### {scenario.title}", "", f"| | {' | '.join(titles)} |"]
    lines.append("|---" * (len(titles) + 1) + "|")
    for who in sorted(rows, key=lambda who: (who != OURS, who)):
        medians = [_shown(statistics.median(one[name] for one in rows[who])) for name in names]
        compared = [_ratio(rows[who], rows.get(base, []), name) for name, base in ratios]
        lines.append(f"| {' | '.join([who, *medians, *compared])} |")
    return "\n".join(lines)


def _quantity(name: str) -> str:
    return "CPU" if "CPU" in name else name


def _ratio(ours: list[dict[str, float]], base: list[dict[str, float]], name: str) -> str:
    both = zip(ours, base, strict=False)  # Slow contenders have fewer rounds.
    pairs = [one[name] / other[name] for one, other in both if other[name]]
    return f"{statistics.median(pairs):.2f}" if pairs else ""


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.4g}"
