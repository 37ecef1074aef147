"""The geometry of the charts, in units of an SVG's view box. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 1000, 100
_GAP = 0.25  # of a column's width


@dataclass(frozen=True)
class Column:
    """A column of a chart by day: its rectangle, and what it stands for."""

    label: str
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Part:
    """A part of a bar of 100 units."""

    kind: str
    value: int
    x: float
    width: float


def columns(values: Sequence[tuple[str, int]]) -> list[Column]:
    """Return a column for each value, the highest as high as the chart."""
    top = max((value for _, value in values), default=0)
    step = WIDTH / max(1, len(values))
    return [
        _column(label, value, at=number * step, step=step, top=top)
        for number, (label, value) in enumerate(values)
    ]


def _column(label: str, value: int, *, at: float, step: float, top: int) -> Column:
    height = round(HEIGHT * value / top, 2) if top else 0.0
    height = max(height, 1.0) if value else 0.0
    gap = step * _GAP
    return Column(
        label,
        value,
        round(at + gap / 2, 2),
        round(HEIGHT - height, 2),
        round(step - gap, 2),
        height,
    )


def parts(values: Sequence[tuple[str, int]], *, whole: int) -> list[Part]:
    """Return the parts of a bar side by side; what is not empty can be seen."""
    drawn: list[Part] = []
    at = 0.0
    for kind, value in values:
        width = 100 * value / whole if whole else 0.0
        width = min(max(width, 0.6), 100 - at) if value else 0.0
        drawn.append(Part(kind, value, round(at, 2), round(width, 2)))
        at += width
    return drawn


def share(value: int, top: int) -> float:
    """Return a value as a part of 100 of the highest one."""
    return round(100 * value / top, 2) if top else 0.0
