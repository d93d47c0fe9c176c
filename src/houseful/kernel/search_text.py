"""Full-text search by words, independent of keyboard and accents.

Query and text are *folded*: compatibility forms to plain ones (full width, ligatures), no case, no accents
and vowel points, Latin letters as ASCII writes them ("Łódź" is "lodz", "Ænima" "aenima", "ışık" "isik"),
digits of any script as 0-9. Greek, Cyrillic and every other script are kept. Words consist of letters, marks
and digits. A word with an apostrophe or a hyphen is also found by its parts, and without the mark.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from anyascii import anyascii

# Accents of Latin, Greek and Cyrillic; points and signs of Hebrew and Arabic, with the letter that only
# stretches a word. Marks of other scripts are vowels that tell words apart, or part of a letter of Japanese.
_POINTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
# What may stand within a word: apostrophes of all kinds, hyphens, the strokes and dots of "AC/DC", "R.E.M.".
_WITHIN = frozenset(
    "'`\u00b4\u02b9\u02ba\u02bb\u02bc\u02bd\u2018\u2019\u201b\u2032\u05f3\u05f4"
    "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212./&+\u00b7\u30fb"
)
_SEPARATE = re.compile("|".join(map(re.escape, sorted(_WITHIN))))
# Scripts that are written without blanks, or with more in a word than a reader would look for.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)


class Text(NamedTuple):
    """A searchable text: its words with the parts of compound words, and the text without blanks."""

    words: tuple[str, ...]
    unspaced: str


def fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)).casefold()
    bare = unicodedata.normalize("NFKC", _POINTS.sub("", unicodedata.normalize("NFKD", plain)))
    return "".join(character if character.isascii() else _spelt(character) for character in bare)


@lru_cache(4096)
def _spelt(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if unicodedata.name(character, "").startswith("LATIN "):
        return anyascii(character).lower()
    return character


@lru_cache(8192)
def findable(text: str) -> Text:
    """Fold a text. Recent texts are cached, since most searches cover the same events."""
    found: dict[str, None] = {}
    joined: list[str] = []
    for whole, parts in _compounds(text):
        found.update(dict.fromkeys((whole, *parts)))
        joined.append(whole)
    return Text(tuple(found), "".join(joined))


def words(text: str) -> list[str]:
    """The folded words of a text, in their order, each without its marks."""
    return [whole for whole, _ in _compounds(text)]


def finder(query: str) -> Callable[[str], bool]:
    """A predicate: each word of the query begins a word of the text; in scripts without blanks, occurs
    anywhere.

    An empty query finds everything. A query without letters and digits ("!!!") finds nothing.
    """
    wanted = _compounds(query)
    if not wanted:
        finds_all = not query.strip()
        return lambda _text: finds_all

    def finds(text: str) -> bool:
        there = findable(text)
        return all(
            _has(there, whole) or (len(parts) > 1 and all(_has(there, part) for part in parts))
            for whole, parts in wanted
        )

    return finds


def _has(text: Text, term: str) -> bool:
    if any(word.startswith(term) for word in text.words):
        return True
    return term in text.unspaced and _UNSPACED.search(term) is not None


def _compounds(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Each word without its marks, and its parts."""
    words = []
    for run in "".join(_kept(character) for character in fold(text)).split():
        parts = tuple(part for part in _SEPARATE.split(run) if part)
        if parts:
            words.append(("".join(parts), parts))
    return words


@lru_cache(4096)
def _kept(character: str) -> str:
    """Letters, marks, digits and signs within a word. Everything else becomes a blank."""
    if character in _WITHIN or unicodedata.category(character)[0] in "LMN":
        return character
    return " "
