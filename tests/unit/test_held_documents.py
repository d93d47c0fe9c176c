"""Each kind of document of each service: what of an account it holds, in which part of an export that is, and
what becomes of it when the account is erased. A kind that is not in the table fails here."""

from typing import NamedTuple

from houseful.manifests import MANIFESTS
from houseful.users import exports

ACCOUNT = "account"
"""What the users service exports itself."""


class Held(NamedTuple):
    """`part` of an export; `erased` says how."""

    part: str
    erased: str


class Other(NamedTuple):
    """Why it is neither exported nor erased."""

    reason: str


_GOES = "deleted after 48 hours; what it answered is in the documents that it made"
_NOBODY = "holds nothing of accounts"
_SEATS = "seats; of a buyer it has ids of holds and orders"


def _audit(service: str) -> dict[str, Held | Other]:
    part = f"{service}-audit"
    return {
        "audit_entries": Held(part, "stays, with the id of who did it"),
        "audit_actors": Held(part, "its addresses are emptied"),
    }


HELD: dict[str, dict[str, Held | Other]] = {
    "users": {
        **_audit("users"),
        "users": Held(ACCOUNT, "deleted at once"),
        "admins": Other("ids of admins; an admin's account is not erased"),
        "sessions": Held(ACCOUNT, "deleted"),
        "ended_tokens": Other("an id, for as long as access tokens of before could be used"),
        "account_emails": Held(ACCOUNT, "deleted, the last one when it has gone"),
        "former_addresses": Held(ACCOUNT, "deleted"),
        "second_factors": Held(ACCOUNT, "deleted at once"),
        "passkeys": Held(ACCOUNT, "deleted at once"),
        "used_challenges": Other("random ids, for ten minutes"),
        "answers": Other(_GOES),
        "erased_accounts": Other("what is left of an erased account: its id"),
    },
    "events": {
        **_audit("events"),
        "events": Held("events", "stays, with the id of its organizer; it can't be erased before it is over"),
        "plans": Other(_NOBODY),
        "answers": Other(_GOES),
    },
    "tickets": {
        **_audit("tickets"),
        "plan_parts": Other(_NOBODY),
        "shows": Other("an event as it is sold, with the id of its organizer"),
        "blocks": Other(_SEATS),
        "amendments": Other(_NOBODY),
        "holds": Held("holds", "ends by itself within its time; it has an id and seats"),
        "allowances": Other("how many seats an id has held and bought; holds and orders show them"),
        "orders": Held("orders", "name and address are emptied; money and seats stay"),
        "tickets": Held("orders", "stays, with its order's id"),
        "order_acts": Held("orders", "notes, reasons, names and addresses are emptied; what was done stays"),
        "scans": Other("when a ticket was at a gate, with the ticket's id"),
        "gate_counts": Other(_NOBODY),
        "gate_staff": Held("gate-staff", "the account is taken off"),
        "presales": Other(_NOBODY),
        "access_codes": Other("how many accounts have used a code, not which"),
        "presale_accesses": Held("access-codes", "stays, with the account's id: a code's uses are counted"),
        "sales": Other(_NOBODY),
        "letters": Held("orders", "emptied of errors, which may tell an address"),
        "recipients": Other("a digest of an address, which keeps strangers from writing to it"),
        "webhooks": Other("ids of messages of the payment processor"),
        "erasures": Other("the id of an erased account"),
        "answers": Other(_GOES),
    },
    "payments": {
        "intents": Other("the mocked processor's own books: an order's id, amounts, a card's last digits"),
        "webhooks": Other("what the mocked processor tells of its books"),
        "answers": Other(_GOES),
    },
    "line": {
        **_audit("line"),
        "lines": Other("an event's line, with the id of its organizer"),
        "line_entries": Held("line-places", "stays: numbers have no gaps; it names nobody"),
        "line_sealed_parts": Other("the list that a draw is repeated from; it names nobody"),
        "line_admissions": Other(_NOBODY),
        "line_rehearsed_rates": Other(_NOBODY),
        "line_records": Other(_NOBODY),
        "line_histories": Other(_NOBODY),
        "line_turn_notices": Held("line-places", "deleted at once"),
        "line_visits": Held("line-places", "ended, so that the next is called; it names nobody"),
        "line_control_acts": Held("line-acts", "stays, with the id of who did it"),
        "answers": Other(_GOES),
    },
}


def test_each_kind_of_document_is_exported_and_erased_or_has_a_reason() -> None:
    kinds = {
        manifest.name: {kind.collection for kind in manifest.documents}
        for manifest in MANIFESTS
        if manifest.documents
    }
    assert kinds == {service: set(held) for service, held in HELD.items()}


def test_each_part_of_an_export_is_of_some_documents() -> None:
    parts = {one.part for held in HELD.values() for one in held.values() if isinstance(one, Held)}
    assert parts == {*exports.PARTS, ACCOUNT}
