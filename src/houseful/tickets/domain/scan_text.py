"""What scanners and keyboards make of a code on its way, and back.

A scanner that plays a keyboard sends the keys that a US keyboard has for its characters; the computer reads
them by its own layout and with its own caps lock. Besides, scanners put an AIM identifier such as `]Q1` in
front (ISO/IEC 15424), send a return behind, read twice, and read codes inside of an address.

Nothing here knows what a true code is. It offers the few texts that may have been meant; only one that
carries a valid signature is a ticket, so that guessing lets nobody in.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

TEXT_LENGTH = 2000
"""More than two copies of a long address with a code."""


def _layout(typed: str, meant: str) -> dict[str, str]:
    return dict(zip(typed, meant, strict=True))


_SHIFTED_DIGITS = _layout("1234567890", "!@#$%^&*()")
_GERMAN = _layout("zyZYßüöäÜÖÄ#'´-?_+*;:°^/\"§$%&()=", "yzYZ-[;'{:\"\\|=/_?]}<>~`&@#$%^*()")
# There caps lock also shifts digits and signs.
_GERMAN_CAPS = (
    _GERMAN | _layout('!"§$%&/()=', "1234567890") | _layout("?_:;*'ß-.,+#", "-/.,]\\_?><}|") | _SHIFTED_DIGITS
)
_FRENCH = (
    _layout("aqzwAQZW,?;:!mM", "qawzQAWZmM,./;:")
    | _layout("&é\"'(-è_çà", "1234567890")
    | _layout(")$§°", "-]?_")
    | _SHIFTED_DIGITS
)
_FRENCH_CAPS = _FRENCH | _layout("1234567890", "1234567890") | _layout("./", "<?")
_LAYOUTS = [str.maketrans(one) for one in (_layout("", ""), _GERMAN, _GERMAN_CAPS, _FRENCH, _FRENCH_CAPS)]

_BETWEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b\ufeff]+")
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_IN_ADDRESS = re.compile(r"[/?&=#]")
_MOST_READS = 4


def readings(scanned: str) -> Iterator[str]:
    """Each code that may have been meant, the likeliest first; none where it looks like none of ours."""
    if len(scanned) > TEXT_LENGTH:
        return
    seen = set()
    for layout in _LAYOUTS:
        typed = scanned.translate(layout)
        for text in (typed, typed.swapcase()):  # caps lock turns the case around
            code = _unwrapped(text)
            if code is not None and code not in seen:
                seen.add(code)
                yield code


def _unwrapped(text: str) -> str | None:
    """The one code in what was read, even where it was read more than once."""
    parts = (part for word in _BETWEEN.split(text) for part in _AIM.split(word) if part)
    codes = {_out_of_address(_once(part)) for part in parts}
    code = codes.pop() if len(codes) == 1 else ""
    if not code.isascii():
        return None
    return code if code.startswith("HF1.") else code.upper() if code[:3].upper() == "HF2" else None


def _once(text: str) -> str:
    """One of several reads that follow each other without anything between."""
    for reads in range(2, _MOST_READS + 1):
        first = text[: len(text) // reads]
        if text == first * reads:
            return first
    return text


def _out_of_address(text: str) -> str:
    if not _ADDRESS.match(text):
        return text
    parts = _IN_ADDRESS.split(unquote(text))
    return next((part for part in parts if part[:3].upper() in ("HF1", "HF2")), text)
