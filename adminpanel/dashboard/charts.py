"""Charts as inline SVG, rendered on the server without scripts or external files. Pure.

A chart is a figure with a caption, a drawing (``role="img"``), a tooltip for each mark (``title``)
and a table of the same numbers. Colors and sizes are classes of ``adminpanel/dashboard.css``, so it
works with a strict Content-Security-Policy and in dark mode.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor, log10

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Value = float | None
Write = Callable[[Value], str]

WIDTH, HEIGHT = 720, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 10, 12, 30
_PLOT_WIDTH = WIDTH - _LEFT - _RIGHT
_PLOT_HEIGHT = HEIGHT - _TOP - _BOTTOM
_LABELS = 5


@dataclass(frozen=True)
class Series:
    """Values drawn in one color: one for each label, or None if there is none."""

    name: str
    values: Sequence[Value]
    tone: str = "1"
    """Which of the stylesheet's colours: 1 to 4, or `bad`."""


@dataclass(frozen=True)
class Chart:
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    write: Write


def compact(value: Value) -> str:
    """Write a number in few characters: 950, 1.2k, 34M."""
    if value is None:
        return "none"
    for size, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.3g}"


def percent(value: Value) -> str:
    """Write a share of 1: 12.5%."""
    return "none" if value is None else f"{value:.1%}"


def ticks(most: float) -> list[float]:
    """Return round values from 0 to at least ``most``: two to six of them."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / 4
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    count = next(number for number in range(1, 7) if number * step >= most * (1 - 1e-9))
    return [step * number for number in range(count + 1)]


def columns(chart: Chart) -> SafeString:
    """Draw the series as columns, each standing on the one before."""
    heights = [sum(value or 0 for value in values) for values in _across(chart)]
    scale = ticks(max(heights, default=0))
    width = _PLOT_WIDTH / max(1, len(chart.labels))
    marks = format_html_join(
        "",
        '<g class="mark"><title>{}</title>{}</g>',
        (
            (_description(chart, number), _column(chart, values, number * width, width, scale[-1]))
            for number, values in enumerate(_across(chart))
        ),
    )
    return _figure(chart, scale, marks)


def lines(chart: Chart) -> SafeString:
    """Draw the series as lines, with gaps where there is no value."""
    given = [value for series in chart.series for value in series.values if value is not None]
    scale = ticks(max(given, default=0))
    drawn = format_html_join(
        "", "{}", ((_line(series, len(chart.labels), scale[-1]),) for series in chart.series)
    )
    width = _PLOT_WIDTH / max(1, len(chart.labels))
    tips = format_html_join(
        "",
        '<rect class="tip" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (_short(_LEFT + number * width), _TOP, _short(width), _PLOT_HEIGHT, description)
            for number, description in enumerate(
                _description(chart, at) for at in range(len(chart.labels))
            )
        ),
    )
    return _figure(chart, scale, drawn + tips)


def bar(share: float) -> SafeString:
    """Draw a share of 1 as a horizontal bar, for a cell of a table that says the figure."""
    return format_html(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="tone-1" width="{}" height="8"/></svg>',
        _short(100 * max(0.0, min(1.0, share))),
    )


def _across(chart: Chart) -> list[tuple[Value, ...]]:
    return list(zip(*(series.values for series in chart.series), strict=True))


def _description(chart: Chart, number: int) -> str:
    """Tell in words what stands at a label."""
    figures = (f"{series.name} {chart.write(series.values[number])}" for series in chart.series)
    return f"{chart.labels[number]}: {', '.join(figures)}"


def _column(
    chart: Chart, values: Sequence[Value], x: float, width: float, most: float
) -> SafeString:
    tops = list(accumulate(value or 0 for value in values))
    gap = min(2.0, width * 0.2)
    parts = (
        (
            series.tone,
            _short(_LEFT + x + gap / 2),
            _short(_y(top, most)),
            _short(width - gap),
            _short((value or 0) / most * _PLOT_HEIGHT),
        )
        for series, value, top in zip(chart.series, values, tops, strict=True)
    )
    blank = (("tip", _short(_LEFT + x), _TOP, _short(width), _PLOT_HEIGHT),)
    rect = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>'
    toned = ((f"tone-{tone}", *rest) for tone, *rest in parts)
    return format_html_join("", rect, [*blank, *toned])


def _line(series: Series, count: int, most: float) -> SafeString:
    """Draw each run of neighbours as a line, and a value without any as a dot."""
    width = _PLOT_WIDTH / max(1, count)
    pieces = []
    for run in _runs(series.values):
        points = [
            (_short(_LEFT + (at + 0.5) * width), _short(_y(value, most))) for at, value in run
        ]
        if len(points) == 1:
            dot = '<circle class="dot tone-{}" cx="{}" cy="{}" r="3"/>'
            pieces.append(format_html(dot, series.tone, *points[0]))
        else:
            path = " ".join(f"{x},{y}" for x, y in points)
            pieces.append(
                format_html('<polyline class="line tone-{}" points="{}"/>', series.tone, path)
            )
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _runs(values: Iterable[Value]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if run]


def _figure(chart: Chart, scale: list[float], marks: SafeString) -> SafeString:
    body = marks if chart.labels else _nothing()
    return format_html(
        '<figure class="chart"><figcaption>{}{}</figcaption>'
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>{}</figure>',
        chart.title,
        _legend(chart),
        WIDTH,
        HEIGHT,
        chart.title,
        _axis(chart, scale),
        body,
        _dates(chart.labels),
        _table(chart),
    )


def _legend(chart: Chart) -> SafeString:
    return format_html_join(
        "",
        '<span class="key"><svg viewBox="0 0 10 10" aria-hidden="true">'
        '<rect class="tone-{}" width="10" height="10" rx="2"/></svg>{}</span>',
        ((series.tone, series.name) for series in chart.series),
    )


def _axis(chart: Chart, scale: list[float]) -> SafeString:
    return format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text class="value" x="{}" y="{}">{}</text>',
        (
            (
                _LEFT,
                WIDTH - _RIGHT,
                y,
                y,
                _LEFT - 6,
                _short(float(y) + 4),
                chart.write(value).replace(".0%", "%"),
            )
            for value, y in ((value, _short(_y(value, scale[-1]))) for value in scale)
        ),
    )


def _dates(labels: Sequence[str]) -> SafeString:
    """Write some of the labels under the plot, evenly apart."""
    step = max(1, -(-len(labels) // _LABELS))
    width = _PLOT_WIDTH / max(1, len(labels))
    return format_html_join(
        "",
        '<text class="label" x="{}" y="{}">{}</text>',
        (
            (_short(_LEFT + (number + 0.5) * width), HEIGHT - 10, labels[number])
            for number in range(step // 2 if len(labels) > _LABELS else 0, len(labels), step)
        ),
    )


def _nothing() -> SafeString:
    return format_html(
        '<text class="none" x="{}" y="{}">No data for these days</text>', WIDTH // 2, HEIGHT // 2
    )


def _table(chart: Chart) -> SafeString:
    head = format_html_join("", "<th>{}</th>", ((series.name,) for series in chart.series))
    rows = format_html_join(
        "",
        "<tr><th>{}</th>{}</tr>",
        (
            (label, format_html_join("", "<td>{}</td>", ((chart.write(each),) for each in values)))
            for label, values in zip(chart.labels, _across(chart), strict=True)
        ),
    )
    return format_html(
        "<details><summary>As a table</summary><div class=scroll><table><thead><tr><th></th>{}"
        "</tr></thead><tbody>{}</tbody></table></div></details>",
        head,
        rows,
    )


def _y(value: float, most: float) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - value / most)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
