"""Who may hold seats of an event now.

In the general sale whoever passes its gates and was called by its line; before it, whoever passes its gates
and has used an access code of a presale that is open. A presale has no line: whoever
was given a code does not stand in one.
"""

from collections.abc import Callable

from houseful.kernel.documents import Millis
from houseful.kernel.errors import DomainError
from houseful.kernel.ports import Reader
from houseful.kernel.roles import Identity
from houseful.tickets.domain import presales
from houseful.tickets.domain.presales import AccessCode, Presale, PresaleAccess, Presales, access_id
from houseful.tickets.domain.shows import Show, check_admitted, check_on_sale, is_before_sale, not_on_sale

NotCalled = Callable[[], DomainError]
"""Makes the refusal of who has not been called by the event's line."""


async def admitted(
    reader: Reader, event_id: str, who: Identity, now: Millis, not_called: NotCalled | None
) -> tuple[Show, str | None]:
    """The show, and the presale that lets the buyer in, None in the general sale. Raises `DomainError`."""
    show = await reader.get(Show, event_id)
    if show is None or not is_before_sale(show, now):
        return check_admitted(check_on_sale(show, now), who, not_called), None
    check_on_sale(show, now, in_presale=True)
    known = await reader.get(Presales, event_id)
    if known is None:
        raise not_on_sale(show)
    mine = await entered(reader, known, who.user_id)
    is_open = next((window for window in mine if window.is_open(now)), None)
    if is_open is None:
        raise presales.refusal(known, mine, show, now)
    return check_admitted(show, who, None), is_open.id


async def entered(reader: Reader, known: Presales, user_id: str) -> list[Presale]:
    """The presales that the account has used a code of, open or not."""
    access = await reader.get(PresaleAccess, access_id(known.id, user_id))
    codes = {} if access is None else await reader.get_many(AccessCode, access.code_ids)
    return presales.entered(known, codes)
