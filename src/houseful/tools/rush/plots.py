"""Plots as SVG in the page, without a script. Colours are the page's, so they follow light and dark."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 14, 34
_TICKS = 5
_DECADES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)

Points = Sequence[tuple[float, float]]


class Line(NamedTuple):
    """A curve; `style` is a number from 1, which is a colour of the page."""

    name: str
    points: Points
    style: int
    is_filled: bool = False


class _Axes(NamedTuple):
    x: Callable[[float], float]
    y: Callable[[float], float]
    frame: str


def lines(
    title: str, curves: Sequence[Line], *, marks: Sequence[tuple[float, str]] = (), unit: str = "",
    seconds: bool = False,
) -> str:  # fmt: skip
    """Curves over time. With `seconds` the values are latencies, on a logarithmic scale."""
    shown = [curve for curve in curves if curve.points]
    if not shown:
        return ""
    first = min(curve.points[0][0] for curve in shown)
    last = max(first + 1, *(curve.points[-1][0] for curve in shown))
    values = [value for curve in shown for _, value in curve.points]
    axes = _latency_axes(first, last, values) if seconds else _axes(first, last, max(values), unit)
    parts = [axes.frame]
    for at, name in marks:
        if first <= at <= last:
            x = axes.x(at)
            parts.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>'
            )
            anchor, dx = ("end", -4) if x > WIDTH * 0.8 else ("start", 4)
            parts.append(
                f'<text class="mark" x="{x + dx:.1f}" y="{_TOP + 10}" text-anchor="{anchor}">'
                f"{escape(name.replace('_', ' '))}</text>"
            )
    for curve in shown:
        path = "L".join(f"{axes.x(at):.1f} {axes.y(value):.1f}" for at, value in curve.points)
        if curve.is_filled:
            x0, x1, y0 = axes.x(curve.points[0][0]), axes.x(curve.points[-1][0]), HEIGHT - _BOTTOM
            parts.append(f'<path class="area c{curve.style}" d="M{x0:.1f} {y0}L{path}L{x1:.1f} {y0}Z"/>')
        parts.append(f'<path class="curve c{curve.style}" d="M{path}"/>')
    return _figure(title, "".join(parts), [(curve.name, curve.style) for curve in shown])


def dots(title: str, points: Points, *, x_name: str, y_name: str) -> str:
    """A scatter plot."""
    if not points:
        return ""
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points)
    axes = _axes(0, max(most_x, 1), most_y, y_name, x_name)
    drawn = "".join(
        f'<circle class="dot" cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="1.8"/>' for x, y in points
    )
    return _figure(title, axes.frame + drawn, [])


def bars(rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """One stacked bar for each row, of shares that make up 1: plain boxes, with a legend. The same name has
    the same colour in each row."""
    names = list(dict.fromkeys(name for _, parts in rows for name, _ in parts))
    style = {name: number % 8 + 1 for number, name in enumerate(names)}
    drawn = []
    for label, parts in rows:
        boxes = "".join(
            f'<i class="c{style[name]}" style="flex:{share:.4f}" title="{escape(name)}: {share:.0%}"></i>'
            for name, share in parts
        )
        drawn.append(f'<div class="bar"><b>{escape(label)}</b><span>{boxes}</span></div>')
    return f'<div class="bars">{"".join(drawn)}</div>{_legend([(name, style[name]) for name in names])}'


def duration(seconds: float) -> str:
    if seconds < 1:
        millis = seconds * 1000
        return f"{millis:.1f} ms" if millis < 10 else f"{millis:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:,.0f} s"


def _axes(first: float, last: float, most: float, unit: str, x_unit: str = "") -> _Axes:
    step = _nice(max(most, 1e-9) / (_TICKS - 1))
    top = step * math.ceil(max(most, 1e-9) / step)
    ticks = [step * number for number in range(round(top / step) + 1)]

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)

    return _framed(first, last, y, [(tick, _number(tick)) for tick in ticks], unit, x_unit)


def _latency_axes(first: float, last: float, values: Sequence[float]) -> _Axes:
    low = max([tick for tick in _DECADES if tick <= max(min(values), 0.001)], default=_DECADES[0])
    high = next((tick for tick in _DECADES if tick >= max(values) and tick > low), _DECADES[-1])

    def y(value: float) -> float:
        share = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return HEIGHT - _BOTTOM - min(share, 1.0) * (HEIGHT - _TOP - _BOTTOM)

    ticks = [(tick, duration(tick)) for tick in _DECADES if low <= tick <= high]
    return _framed(
        first, last, y, [(tick, text.replace(".00", "").replace(".0", "")) for tick, text in ticks], ""
    )


def _framed(
    first: float, last: float, y: Callable[[float], float], ticks: Sequence[tuple[float, str]], unit: str,
    x_unit: str = "",
) -> _Axes:  # fmt: skip
    def x(at: float) -> float:
        return _LEFT + (at - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    parts = []
    for tick, text in ticks:
        parts.append(_rule("grid", (_LEFT, y(tick)), (right, y(tick))))
        parts.append(_text("tick", _LEFT - 6, y(tick) + 4, "end", text))
    step = _nice((last - first) / 6)
    for number in range(math.ceil(first / step), math.floor(last / step) + 1):
        at = number * step
        parts.append(_text("tick", x(at), bottom + 16, "middle", _number(at) if x_unit else _clock(at)))
    parts.append(_text("unit", _LEFT, _TOP - 3, "start", unit))
    parts.append(_text("unit", right, HEIGHT - 3, "end", x_unit))
    return _Axes(x, y, "".join(parts))


def _rule(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = begin, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(kind: str, x: float, y: float, anchor: str, text: str) -> str:
    if not text:
        return ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _figure(title: str, drawn: str, legend: Sequence[tuple[str, int]]) -> str:
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{drawn}</svg>'
        f"{_legend(legend)}</figure>"
    )


def _legend(names: Sequence[tuple[str, int]]) -> str:
    items = "".join(f'<li><i class="c{style}"></i>{escape(name)}</li>' for name, style in names)
    return f'<ul class="legend">{items}</ul>' if items else ""


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= step * 0.999)


def _round(text: str) -> str:
    return text.replace(".00 ", " ").replace(".0 ", " ")


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
