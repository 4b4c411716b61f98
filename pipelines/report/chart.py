"""The alerts over time as an inline SVG of stacked bars."""

from xml.etree.ElementTree import Element

from tocsin.pipelines.report.markup import element
from tocsin.pipelines.report.summary import LEVELS, Bar, Timeline
from tocsin.schemas.times import DAY

WIDTH, HEIGHT = 960, 180
_TOP, _BOTTOM, _LEFT, _RIGHT = 18, 26, 34, 6
_MOST_LABELS = 12


def chart(timeline: Timeline) -> Element:
    """The bars of `timeline`, each with its numbers as a title; the scale is from nought."""
    highest = max((bar.total for bar in timeline.bars), default=0)
    root = element(
        "svg",
        element("title", f"Alerts over time, at most {highest} in one bar"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="chart",
    )
    if not highest:
        return root
    floor = HEIGHT - _BOTTOM
    for share in (0, highest):
        y = floor - (floor - _TOP) * share / highest
        root.append(_line(y))
        root.append(_label(_LEFT - 6, y + 4, f"{share:,}", "end"))
    step = (WIDTH - _LEFT - _RIGHT) / len(timeline.bars)
    every = -(-len(timeline.bars) // _MOST_LABELS)
    for number, bar in enumerate(timeline.bars):
        x = _LEFT + number * step
        if bar.total:
            root.append(_bar(bar, x, step, floor, highest, timeline.span))
        if number % every == 0:
            root.append(
                _label(x + step / 2, HEIGHT - 8, _moment(bar.start, timeline.span), "middle")
            )
    return root


def _bar(bar: Bar, x: float, step: float, floor: float, highest: int, span: int) -> Element:
    told = ", ".join(f"{bar.counts[level]} {level}" for level in LEVELS if bar.counts.get(level))
    group = element("g", element("title", f"{_moment(bar.start, span)}: {told}"))
    y = floor
    for level in LEVELS:
        count = bar.counts.get(level, 0)
        if count:
            height = (floor - _TOP) * count / highest
            y -= height
            group.append(
                element(
                    "rect",
                    x=f"{x + step * 0.12:.2f}",
                    y=f"{y:.2f}",
                    width=f"{step * 0.76:.2f}",
                    height=f"{height:.2f}",
                    class_=f"fill {level}",
                )
            )
    return group


def _line(y: float) -> Element:
    return element(
        "line", x1=str(_LEFT), x2=str(WIDTH - _RIGHT), y1=f"{y:.2f}", y2=f"{y:.2f}", class_="rule"
    )


def _label(x: float, y: float, text: str, anchor: str) -> Element:
    return element("text", text, x=f"{x:.2f}", y=f"{y:.2f}", text_anchor=anchor)


def _moment(start: str, span: int) -> str:
    return (
        start[:10]
        if span >= DAY
        else f"{start[8:10]} {start[11:16]}"
        if span > DAY / 24
        else start[11:16]
    )
