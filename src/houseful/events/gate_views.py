"""An event's gates on the HTTP surface: what it asks of an account before it sells to it."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from houseful.kernel.times import millis, rfc3339
from houseful.messages import Gates
from houseful.webapi.requests import Input
from houseful.webapi.responses import View


class GatesInput(Input, frozen=True, kw_only=True):
    """`verified_email`: for accounts with a confirmed email address. `accounts_before`: for accounts that
    were made before."""

    verified_email: bool = False
    accounts_before: Annotated[datetime, Meta(tz=True)] | None = None


class GatesView(View, frozen=True, kw_only=True):
    """What an account needs to hold seats and to join the line; without it both are refused with 403."""

    verified_email: bool
    accounts_before: str | None


def gates(body: GatesInput) -> Gates:
    before = body.accounts_before
    return Gates(
        verified_email=body.verified_email, accounts_before=None if before is None else millis(before)
    )


def view(gates: Gates) -> GatesView:
    before = gates.accounts_before
    return GatesView(
        verified_email=gates.verified_email, accounts_before=None if before is None else rfc3339(before)
    )
