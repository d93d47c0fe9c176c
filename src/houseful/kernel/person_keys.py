"""What people are searched by: a name and an address, folded, so that a text that was typed is the beginning
of a key. Keys are stored by indexes; see `Index` before a rule is changed.
"""

from functools import lru_cache

from houseful.kernel import email_addresses
from houseful.kernel.search_text import words


@lru_cache(4096)
def name_key(name: str) -> str:
    """Words as `search_text` folds them, one blank between: "Łuć, O'Hara" is "luc ohara"."""
    return " ".join(words(name))


@lru_cache(4096)
def last_name_key(name: str) -> str:
    """The last word first: "Anna Maria Brandt" is "brandt anna maria"."""
    *first, last = words(name) or [""]
    return " ".join([last, *first])


@lru_cache(4096)
def email_key(email: str) -> str:
    return email_addresses.searched(email) if email else ""
