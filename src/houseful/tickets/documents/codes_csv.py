"""Generated access codes as a spreadsheet reads them; `orders_csv` says how."""

from houseful.kernel.times import rfc3339
from houseful.tickets.documents import orders_csv
from houseful.tickets.domain.presales import AccessCode

COLUMNS = ("code", "presale", "uses", "max_uses", "revoked")


def header() -> bytes:
    return orders_csv.BOM + orders_csv.line(COLUMNS)


def row(presale: str, shown: str, code: AccessCode) -> bytes:
    revoked = "" if code.revoked_at is None else rfc3339(code.revoked_at)
    return orders_csv.line((shown, presale, str(code.uses), str(code.max_uses), revoked))
