"""The alerts over time as an inline SVG of stacked bars."""

from xml.etree.ElementTree import Element

from tocsin.pipelines.report.markup import element
from tocsin.pipelines.report.summary import LEVELS, Bar, Timeline
from tocsin.schemas.times import DAY

WIDTH, HEIGHT = 960, 180
_TOP, _BOTTOM, _LEFT, _RIGHT = 18, 26, 34, 6
_FLOOR = HEIGHT - _BOTTOM
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
    scale = (_FLOOR - _TOP) / highest
    for share in (0, highest):
        y = _FLOOR - scale * share
        root.append(_line(y))
        root.append(_label(_LEFT - 6, y + 4, f"{share:,}", "end"))
    step = (WIDTH - _LEFT - _RIGHT) / len(timeline.bars)
    every = -(-len(timeline.bars) // _MOST_LABELS)
    for number, bar in enumerate(timeline.bars):
        x, moment = _LEFT + number * step, _moment(bar.start, timeline)
        if bar.total:
            root.append(_bar(bar, moment, x + step * 0.12, step * 0.76, scale))
        if number % every == 0:
            root.append(_label(x + step / 2, HEIGHT - 8, moment, "middle"))
    return root


def _bar(bar: Bar, moment: str, x: float, width: float, scale: float) -> Element:
    told = ", ".join(f"{bar.counts[level]} {level}" for level in LEVELS if bar.counts.get(level))
    group = element("g", element("title", f"{moment}: {told}"))
    y: float = _FLOOR
    for level in LEVELS:
        height = scale * bar.counts.get(level, 0)
        if height:
            y -= height
            group.append(
                element(
                    "rect",
                    x=f"{x:.2f}",
                    y=f"{y:.2f}",
                    width=f"{width:.2f}",
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


def _moment(start: str, timeline: Timeline) -> str:
    """The start of a bar, no longer than it takes to tell it from the others."""
    if timeline.span >= DAY:
        return start[:10]
    if timeline.bars[0].start[:10] == timeline.bars[-1].start[:10]:
        return start[11:16]
    return f"{start[5:10]} {start[11:16]}"
