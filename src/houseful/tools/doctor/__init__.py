"""The doctor: examines everything that an installation needs. Each finding comes with a fix.

Changes nothing, except for a key in Redis that expires within a second. The URLs of the settings select the
examiners. Beside `app.py` and `adapters/factory.py` this is the one module that asks for the kind of
installation: unused engines are not examined.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from houseful.adapters.factory import is_shared
from houseful.settings import Settings, SettingsError
from houseful.tools.doctor import buses, machine, neighbours, stores
from houseful.tools.doctor.finding import Finding as Finding
from houseful.tools.doctor.finding import problem

Examiner = Callable[[Settings], AsyncIterator[Finding]]

_STORES: Mapping[str, Examiner] = {
    "sqlite": stores.sqlite,
    "mongodb": stores.mongodb,
    "mongodb+srv": stores.mongodb,
}
_BUSES: Mapping[str, Examiner] = {"local": buses.local, "kafka": buses.kafka, "kafka+ssl": buses.kafka}
_COORDINATIONS: Mapping[str, Examiner] = {
    "redis": neighbours.redis,
    "rediss": neighbours.redis,
    "unix": neighbours.redis,
}
"""What is in this process can't be away."""


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Run the examiners in the order of dependencies."""
    yield machine.python()
    yield machine.clock()
    if not (is_shared(settings.store_url) and is_shared(settings.bus_url)):
        for finding in machine.embedded(settings):
            yield finding
    keys = machine.shared_keys if is_shared(settings.store_url) else machine.own_keys
    yield keys(settings)
    for examiners, url in (
        (_STORES, settings.store_url),
        (_BUSES, settings.bus_url),
        (_COORDINATIONS, settings.coordination_url),
    ):
        examiner = examiners.get(urlsplit(url).scheme)
        if examiner is not None:
            async for finding in _complaining(examiner, settings):
                yield finding
    async for finding in neighbours.processes(settings):
        yield finding
    yield await neighbours.mail(settings)
    yield machine.links(settings)
    yield machine.web_app(settings)


async def _complaining(examiner: Examiner, settings: Settings) -> AsyncIterator[Finding]:
    """An invalid setting becomes a finding."""
    try:
        async for finding in examiner(settings):
            yield finding
    except SettingsError as error:
        for name, what in error.errors.items():
            yield problem(name, what, f"Correct {name}, or install what it needs.")


def works(findings: Sequence[Finding]) -> bool:
    return all(finding.state != "problem" for finding in findings)
