"""Looks at QR codes as a scanner at the gate does: from pixels."""

import io
import re
import xml.etree.ElementTree as ElementTree

import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfReader

_PIXELS = 6  # a module of the code
_STEP = re.compile(r"([Mmhvz])([^Mmhvz]*)")


def read_svg(svg: bytes) -> str:
    """What the QR code in a drawing of horizontal strokes says, one module high each."""
    root = ElementTree.fromstring(svg)
    strokes = [one for one in root.iter() if one.tag.endswith("path") and one.get("stroke") is not None]
    assert len(strokes) == 1, "dark modules are one path"
    bars = _bars(strokes[0].attrib["d"])
    side = max(max(x + length, y) for x, y, length in bars) + 4
    image, draw = _white(round(side * _PIXELS), round(side * _PIXELS))
    for x, y, length in bars:
        top = y - 0.5
        _fill(draw, x * _PIXELS, top * _PIXELS, (x + length) * _PIXELS, (top + 1) * _PIXELS)
    return _read(image)


def _bars(path: str) -> list[tuple[float, float, float]]:
    """(x, y, length) of every stroke."""
    x = y = 0.0
    bars = []
    for command, text in _STEP.findall(path):
        numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", text)]
        if command == "M":
            x, y = numbers
        elif command == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            assert command == "h", f"{command} is not known here"
            bars.append((x, y, numbers[0]))
            x += numbers[0]
    return bars


def read_pdf(pdf: bytes, page: int = 0) -> str:
    """What the QR code on a page says, drawn in filled rectangles."""
    drawn = PdfReader(io.BytesIO(pdf)).pages[page]
    contents = drawn.get_contents()
    assert contents is not None
    number = r"(-?\d+(?:\.\d+)?)"
    rectangles = [
        tuple(map(float, found))
        for found in re.findall(
            rf"{number} {number} {number} {number} re f", contents.get_data().decode("latin-1")
        )
    ]
    height = float(drawn.mediabox.height)
    scale = 3
    image, draw = _white(round(float(drawn.mediabox.width) * scale), round(height * scale))
    for left, bottom, wide, high in rectangles:
        top, below = sorted((height - bottom, height - bottom - high))
        _fill(draw, left * scale, top * scale, (left + wide) * scale, below * scale)
    return _read(image)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def _white(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (width, height), 255)
    return image, ImageDraw.Draw(image)


def _fill(draw: ImageDraw.ImageDraw, left: float, top: float, right: float, bottom: float) -> None:
    draw.rectangle((round(left), round(top), round(right) - 1, round(bottom) - 1), fill=0)


def _read(image: Image.Image) -> str:
    found = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert len(found) == 1, f"{len(found)} codes are seen"
    return str(found[0].text)
