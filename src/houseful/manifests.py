"""All services, for what works on a whole installation: tools and tests. It imports the code of each."""

from typing import Any

from houseful import events, line, payments, tickets, users
from houseful.webapi.manifest import Manifest

MANIFESTS: tuple[Manifest[Any], ...] = (
    users.MANIFEST,
    events.MANIFEST,
    tickets.MANIFEST,
    payments.MANIFEST,
    line.MANIFEST,
)
