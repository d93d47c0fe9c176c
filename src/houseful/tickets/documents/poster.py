"""The poster that an event has on the screen, for paper and letters: its colours and its art.

The same as `web/src/ui/posterStyle.ts` and `PosterArt.tsx`: what one sees in the shop is what one holds.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

PALETTES = (
    ("#d5002c", "#ffffff", "#ffb000"),
    ("#0b3d91", "#ffffff", "#ffd23f"),
    ("#ffc400", "#14161a", "#d7263d"),
    ("#00573f", "#ffffff", "#ff8a5b"),
    ("#5b2a86", "#ffffff", "#f7b32b"),
    ("#ff6b35", "#14161a", "#23395b"),
    ("#1b1d22", "#ffffff", "#ff3d57"),
    ("#19a7a8", "#14161a", "#ffe169"),
    ("#f4a6c0", "#14161a", "#b0123b"),
    ("#c1e04d", "#14161a", "#1b4332"),
)
"""Background, text on it, and an accent."""

_UINT32 = 0xFFFFFFFF
_WIDTH, _HEIGHT = 400, 500  # of the art, in its own units


class PosterStyle(NamedTuple):
    background: str
    text: str
    accent: str
    motif: int
    seed: int


def poster_style(event_id: str) -> PosterStyle:
    hash = 0x811C9DC5  # FNV-1a
    for byte in event_id.encode():
        hash = (hash ^ byte) * 0x01000193 & _UINT32
    return PosterStyle(*PALETTES[hash % len(PALETTES)], (hash >> 8) % 5, hash >> 12)


def mixed(color: str, ground: str, share: float) -> str:
    """So much of a colour upon a ground; paper needs no transparency."""
    pairs = zip(_parts(color), _parts(ground), strict=True)
    return "#" + "".join(f"{round(one * share + other * (1 - share)):02x}" for one, other in pairs)


def _parts(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def draw_art(canvas: "Canvas", style: PosterStyle, box: tuple[float, float, float, float]) -> None:
    """Fills a box (left, bottom, width, height in points), cut where the art is of another shape."""
    left, bottom, width, height = box
    ground = mixed(style.background, "#000000", 0.9)
    canvas.saveState()
    outline = canvas.beginPath()
    outline.rect(left, bottom, width, height)
    canvas.clipPath(outline, stroke=0, fill=0)
    canvas.setFillColor(ground)
    canvas.rect(left, bottom, width, height, stroke=0, fill=1)
    scale = max(width / _WIDTH, height / _HEIGHT)
    canvas.translate(left + (width - _WIDTH * scale) / 2, bottom + (height + _HEIGHT * scale) / 2)
    canvas.scale(scale, -scale)
    _MOTIFS[style.motif](canvas, style, mixed(style.text, ground, 0.16))
    canvas.restoreState()


def _polygon(canvas: "Canvas", first: tuple[int, int], *others: tuple[int, int]) -> None:
    path = canvas.beginPath()
    path.moveTo(*first)
    for corner in others:
        path.lineTo(*corner)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def _bowl(canvas: "Canvas", style: PosterStyle, pale: str) -> None:
    for row in range(9):
        radius = 90 + row * 44
        seats = round(radius / 11)
        for seat in range(seats):
            angle = math.pi * (0.06 + 0.88 * seat / (seats - 1))
            lit = (row * 17 + seat * 5 + style.seed % 40) % 13 < 3
            canvas.setFillColor(style.accent if lit else pale)
            x, y = 200 + math.cos(angle) * radius, 40 + math.sin(angle) * radius
            canvas.circle(x, y, 11, stroke=0, fill=1)


def _beams(canvas: "Canvas", style: PosterStyle, pale: str) -> None:
    start = 60 + style.seed % 280
    for beam in range(7):
        canvas.setFillColor(style.accent if beam % 3 == 1 else pale)
        _polygon(canvas, (start, -20), (beam * 95 - 110, 520), (beam * 95 - 62, 520))


def _discs(canvas: "Canvas", style: PosterStyle, pale: str) -> None:
    x = 120 + style.seed % 160
    canvas.setFillColor(style.accent)
    canvas.circle(x, 210, 190, stroke=0, fill=1)
    canvas.setStrokeColor(pale)
    canvas.setLineWidth(10)
    for ring in range(5):
        canvas.circle(400 - x, 380, 40 + ring * 42, stroke=1, fill=0)


def _bars(canvas: "Canvas", style: PosterStyle, pale: str) -> None:
    for bar in range(10):
        height = 90 + (style.seed >> (bar % 12)) % 29 * 11
        canvas.setFillColor(style.accent if bar % 4 == style.seed % 4 else pale)
        left, right, top = bar * 40 + 5, bar * 40 + 35, 500 - height
        _polygon(canvas, (left, top), (right, top), (right, 500), (left, 500))


def _quarters(canvas: "Canvas", style: PosterStyle, pale: str) -> None:
    for cell in range(20):
        turn = ((style.seed + cell) * 2654435761 & _UINT32) >> 28
        canvas.setFillColor(style.accent if (cell * 7 + style.seed) % 5 == 0 else pale)
        canvas.saveState()
        canvas.translate(cell % 4 * 100 + 50, cell // 4 * 100 + 50)
        canvas.rotate(turn % 4 * 90)
        path = canvas.beginPath()
        path.moveTo(-50, -50)
        path.lineTo(50, -50)
        path.curveTo(50, 5.23, 5.23, 50, -50, 50)  # a quarter of a circle
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)
        canvas.restoreState()


_MOTIFS = (_bowl, _beams, _discs, _bars, _quarters)
