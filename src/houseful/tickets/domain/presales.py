"""Presales: windows before the general sale, in which seats are held with an access code.

A code is used by an account, once and for all of its holds: `max_uses` is a number of accounts. Codes are not
stored. A generated one is derived from the ticket key, so that the organizer can see it at any time; of one
that the organizer chose, its beginning is kept.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec

from houseful.kernel.documents import Document, Index, Millis
from houseful.kernel.errors import DomainError, Forbidden, Invalid, StateConflict, invalid
from houseful.kernel.times import rfc3339
from houseful.tickets.domain.shows import Show, not_on_sale

MOST_PRESALES = 20
MOST_CODES = 20_000
MOST_CODES_AT_ONCE = 1_000
MOST_USES = 100_000
MOST_GRANTS = 20
CHOSEN_LENGTH = (6, 40)
GENERATED_LENGTH = (8, 24)

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Of generated codes: nothing that is mistaken for another character (I, L, O, 0, 1)."""

_GROUP = 4
_SHOWN = 2
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2212_"


class Presale(msgspec.Struct, frozen=True, kw_only=True):
    """A window. Without `closes_at` it is open until the general sale begins. `codes` is how many codes it
    was ever given."""

    id: str
    name: str
    opens_at: Millis
    closes_at: Millis | None = None
    codes: int = 0

    def is_open(self, now: Millis) -> bool:
        return self.opens_at <= now and not self.is_over(now)

    def is_over(self, now: Millis) -> bool:
        return self.closes_at is not None and self.closes_at <= now


class Presales(Document, frozen=True, kw_only=True):
    """The presales of an event; `id` is the event's."""

    collection: ClassVar[str] = "presales"

    windows: tuple[Presale, ...] = ()

    def find(self, presale_id: str) -> Presale | None:
        return next((one for one in self.windows if one.id == presale_id), None)


class AccessCode(Document, frozen=True, kw_only=True):
    """`id` tells the code only to who knows the key. `batch` and `number` name a generated code; of a chosen
    one `batch` is empty. `position` counts the codes of the presale."""

    collection: ClassVar[str] = "access_codes"
    indexes = (Index(("presale_id", "position")),)

    event_id: str
    presale_id: str
    position: int
    begins_with: str
    max_uses: int
    uses: int = 0
    batch: str = ""
    number: int = 0
    length: int = 0
    revoked_at: Millis | None = None

    @property
    def uses_left(self) -> int:
        return 0 if self.revoked_at is not None else self.max_uses - self.uses


class Grant(msgspec.Struct, frozen=True, array_like=True):
    code_id: str
    granted_at: Millis


class PresaleAccess(Document, frozen=True, kw_only=True):
    """The codes that an account has used for an event."""

    collection: ClassVar[str] = "presale_accesses"
    indexes = (Index(("user_id",)),)

    event_id: str
    user_id: str
    grants: tuple[Grant, ...] = ()

    @property
    def code_ids(self) -> list[str]:
        return [one.code_id for one in self.grants]


def access_id(event_id: str, user_id: str) -> str:
    return f"{event_id}:{user_id}"


class CodeKey:
    """Makes codes and their ids. Who has a copy of the store alone has no code."""

    def __init__(self, ticket_key: bytes) -> None:
        self._key = hashlib.blake2b(ticket_key, person=b"access codes").digest()

    def id(self, event_id: str, code: str) -> str:
        """`code` as it is typed: case, blanks and hyphens do not matter."""
        return f"acc_{self._mac('id', event_id, plain(code)).hex()[:40]}"

    def generated(self, batch: str, number: int, length: int) -> str:
        left = int.from_bytes(self._mac("code", batch, str(number)))
        characters = []
        for _ in range(length):
            left, index = divmod(left, len(ALPHABET))
            characters.append(ALPHABET[index])
        return "".join(characters)

    def shown(self, code: AccessCode) -> str | None:
        """In groups, as people read it; None for a code that the organizer chose."""
        return grouped(self.generated(code.batch, code.number, code.length)) if code.batch else None

    def _mac(self, *parts: str) -> bytes:
        return hmac.new(self._key, "\0".join(parts).encode(), "sha256").digest()


def plain(code: str) -> str:
    """What counts of a code."""
    folded = unicodedata.normalize("NFKC", code).upper()
    return "".join(one for one in folded if one not in _HYPHENS and not one.isspace())


def grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def beginning(code: str) -> str:
    return plain(code)[:_SHOWN]


def chosen_error(code: str) -> str | None:
    """What is wrong with a code that an organizer chose."""
    least, most = CHOSEN_LENGTH
    counted = plain(code)
    if not counted.isalnum():
        return "has other characters than letters, digits, blanks and hyphens"
    if not least <= len(counted) <= most:
        return f"has {len(counted)} letters and digits; a code has {least} to {most}"
    return None


# Windows


def check_window(window: Presale, show: Show, now: Millis) -> None:
    """Raises `DomainError` for a window that never opens before the general sale."""
    check_has_presale(show, now)
    assert show.on_sale_at is not None
    errors = {}
    if window.opens_at >= show.on_sale_at:
        errors["opens_at"] = f"is not before the general sale ({rfc3339(show.on_sale_at)})"
    if window.closes_at is not None and window.closes_at <= window.opens_at:
        errors["closes_at"] = "is not after opens_at"
    if errors:
        raise invalid(errors)


def check_has_presale(show: Show, now: Millis) -> None:
    if show.on_sale_at is None or show.on_sale_at <= now:
        raise StateConflict(
            "already_on_sale",
            "The general sale has begun, so there is nothing before it. Give the event a later on_sale_at "
            "first.",
        )


def with_window(presales: Presales, window: Presale) -> Presales:
    """In its place if it is there. Raises `StateConflict` for one too many."""
    if presales.find(window.id) is not None:
        windows = tuple(window if one.id == window.id else one for one in presales.windows)
    elif len(presales.windows) >= MOST_PRESALES:
        raise StateConflict("too_many_presales", f"An event has at most {MOST_PRESALES} presales.")
    else:
        windows = (*presales.windows, window)
    return msgspec.structs.replace(presales, windows=windows)


def with_codes(presales: Presales, presale: Presale, more: int) -> Presales:
    """Counted. Raises `StateConflict` for too many."""
    if presale.codes + more > MOST_CODES:
        raise StateConflict(
            "too_many_codes",
            f"A presale has at most {MOST_CODES} codes, and this one has {presale.codes}.",
            limit=MOST_CODES,
        )
    return with_window(presales, msgspec.structs.replace(presale, codes=presale.codes + more))


# Using codes


def used(
    code: AccessCode | None, presale: Presale | None, access: PresaleAccess, show: Show, now: Millis
) -> tuple[AccessCode, PresaleAccess]:
    """Code and access after the account has used the code; unchanged where it had before. Raises
    `DomainError`. A code that is unknown and one that was revoked are refused alike."""
    if code is None or presale is None or code.revoked_at is not None:
        raise Invalid(
            "access_code_invalid",
            "This is no access code of this event. Check how it is written; after some wrong ones you have "
            "to wait.",
            errors={"code": "is no access code of this event"},
        )
    if code.id in access.code_ids:
        return code, access
    if presale.is_over(now):
        raise over(presale, show)
    if code.uses >= code.max_uses:
        raise StateConflict(
            "access_code_used_up",
            "This access code was used as often as it can be, by other accounts. Ask whoever gave it to you.",
        )
    if len(access.grants) >= MOST_GRANTS:
        raise StateConflict(
            "too_many_access_codes", f"An account uses at most {MOST_GRANTS} access codes for an event."
        )
    return (
        msgspec.structs.replace(code, uses=code.uses + 1),
        msgspec.structs.replace(access, grants=(*access.grants, Grant(code.id, now))),
    )


def entered(presales: Presales, codes: Mapping[str, AccessCode]) -> list[Presale]:
    """The windows that these codes are for, without those of revoked codes."""
    open_to = {code.presale_id for code in codes.values() if code.revoked_at is None}
    return [window for window in presales.windows if window.id in open_to]


def refusal(presales: Presales, mine: Iterable[Presale], show: Show, now: Millis) -> DomainError:
    """Why an account can't hold seats now, before the general sale: none of its windows is open."""
    known = sorted(mine, key=lambda window: window.opens_at)
    for window in known:
        if now < window.opens_at:
            return StateConflict(
                "presale_not_open",
                f"Your access code is for {window.name}, which opens {rfc3339(window.opens_at)}.",
                opens_at=rfc3339(window.opens_at),
            )
    if known:
        return over(known[-1], show)
    if any(window.is_open(now) for window in presales.windows):
        assert show.on_sale_at is not None
        return Forbidden(
            "access_code_required",
            "The general sale has not begun. Until then seats are for those with an access code: enter yours "
            f"with POST /api/events/{show.id}/presale-access.",
            on_sale_at=rfc3339(show.on_sale_at),
        )
    return not_on_sale(show)


def over(presale: Presale, show: Show) -> DomainError:
    when = "now" if show.on_sale_at is None else rfc3339(show.on_sale_at)
    return StateConflict(
        "presale_over",
        f"{presale.name} is over. Everybody can buy from {when} on.",
        on_sale_at=None if show.on_sale_at is None else rfc3339(show.on_sale_at),
    )
