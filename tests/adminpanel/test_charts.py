"""Charts as SVG: what stands where, and what it says."""

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from adminpanel.dashboard.charts import (
    HEIGHT,
    WIDTH,
    Chart,
    Series,
    bar,
    columns,
    compact,
    lines,
    ticks,
)

Draw = Callable[[Chart], str]


def drawn(chart: str) -> ElementTree.Element:
    """Parse a figure: it must be well formed."""
    svg = chart[chart.index('<svg viewBox="0 0 720') : chart.rindex("</svg>") + 6]
    return ElementTree.fromstring(svg)


@pytest.mark.parametrize(
    ("most", "found"),
    [
        (0, [0, 1]),
        (1, [0, 0.25, 0.5, 0.75, 1]),
        (7, [0, 2, 4, 6, 8]),
        (100, [0, 25, 50, 75, 100]),
        (1_234_567, [0, 500_000, 1_000_000, 1_500_000]),
        (0.03, [0, 0.01, 0.02, 0.03]),
    ],
)
def test_ticks_are_round(most: float, found: list[float]) -> None:
    assert ticks(most) == pytest.approx(found)


@pytest.mark.parametrize(
    "most", [10**power * digit / 10 for power in range(9) for digit in (1, 3, 9)]
)
def test_ticks_reach_the_most_and_are_few(most: float) -> None:
    found = ticks(most)
    assert found[-1] >= most * (1 - 1e-9)
    assert 2 <= len(found) <= 6


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (0, "0"), (950, "950"), (1234, "1.23k"), (34_000_000, "34M"), (0.25, "0.25")],
)
def test_numbers_are_written_compactly(value: float | None, text: str) -> None:
    assert compact(value) == text


def test_columns_stand_on_each_other() -> None:
    chart = Chart("T", ["a", "b"], [Series("x", [6, 2]), Series("y", [2, None], "bad")], compact)
    svg = drawn(columns(chart))
    marks = [group for group in svg.iter("g") if group.get("class") == "mark"]
    bottom, top = [r for r in marks[0].iter("rect") if r.get("class") != "tip"]
    assert float(bottom.attrib["height"]) == pytest.approx(3 * float(top.attrib["height"]), abs=0.2)
    assert float(top.attrib["y"]) == 12  # 8 of 8
    assert float(top.attrib["y"]) + float(top.attrib["height"]) == float(bottom.attrib["y"])
    assert [title.text for title in svg.iter("title")] == ["a: x 6, y 2", "b: x 2, y none"]


def test_lines_have_gaps_and_lone_dots() -> None:
    chart = Chart("T", list("abcde"), [Series("x", [1, 2, None, 4, None])], compact)
    svg = drawn(lines(chart))
    (line,) = svg.iter("polyline")
    assert len(line.attrib["points"].split()) == 2
    (dot,) = svg.iter("circle")
    assert float(dot.attrib["cy"]) == 12  # 4 of 4
    assert "c: x none" in [title.text for title in svg.iter("title")]


@pytest.mark.parametrize("draw", [columns, lines])
def test_one_point_and_none(draw: Draw) -> None:
    one = drawn(draw(Chart("T", ["a"], [Series("x", [5])], compact)))
    assert [title.text for title in one.iter("title")] == ["a: x 5"]
    nothing = drawn(draw(Chart("T", [], [Series("x", [])], compact)))
    assert "No data for these days" in [text.text for text in nothing.iter("text")]
    drawn(draw(Chart("T", ["a"], [Series("x", [0])], compact)))


@pytest.mark.parametrize("draw", [columns, lines])
def test_all_of_it_is_inside(draw: Draw) -> None:
    values = [float(number * number % 97) for number in range(365)]
    svg = drawn(draw(Chart("T", [str(each) for each in values], [Series("x", values)], compact)))
    for rect in svg.iter("rect"):
        left, top = float(rect.attrib["x"]), float(rect.attrib["y"])
        assert 0 <= left <= left + float(rect.attrib["width"]) <= WIDTH
        assert 0 <= top <= top + float(rect.attrib["height"]) <= HEIGHT
    assert len([text for text in svg.iter("text") if text.get("class") == "label"]) <= 5


def test_who_cannot_see_it_reads_it() -> None:
    chart = lines(Chart("Users <now>", ["a"], [Series("x & y", [5])], compact))
    assert drawn(chart).attrib["role"] == "img"
    assert drawn(chart).attrib["aria-label"] == "Users <now>"
    assert "<th>x &amp; y</th>" in chart
    assert "<tr><th>a</th><td>5</td></tr>" in chart


def test_no_styles_nor_scripts_that_a_policy_would_stop() -> None:
    chart = columns(Chart("T", ["a"], [Series("<script>", [5])], compact))
    assert "style=" not in chart
    assert "<script" not in chart


def test_a_bar_is_as_wide_as_its_share() -> None:
    assert 'width="50"' in bar(0.5)
    assert 'width="100"' in bar(7)
