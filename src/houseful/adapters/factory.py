"""The adapters that the URLs of the settings select.

Drivers of unused engines are never imported: imports take time, and the drivers need not be installed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.sqlite import folder_lock
from houseful.adapters.sqlite import health as sqlite_health
from houseful.adapters.sqlite.bus import LocalBus
from houseful.adapters.sqlite.store import SqliteStore
from houseful.kernel.documents import Document
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Coordination, Ids, Mailer, Workers
from houseful.settings import Settings, SettingsError

if TYPE_CHECKING:
    from houseful.adapters.kafka.bus import KafkaBus
    from houseful.adapters.mongodb.store import MongoStore


BUS_FIX = (
    " The bus can also be done without: move bus.sqlite3, bus.sqlite3-wal and bus.sqlite3-shm away, and the "
    "next start sends again what the outboxes keep, seven days of it."
)


def is_shared(url: str) -> bool:
    """Whether processes on several machines can use the engine at this URL."""
    return urlsplit(url).scheme not in ("sqlite", "local")


def store_file(folder: Path, service: str) -> Path:
    return folder / f"{service}.sqlite3"


def bus_file(folder: Path) -> Path:
    return folder / "bus.sqlite3"


def bus_exists(settings: Settings) -> bool:
    """Whether a bus can be opened for inspection. A shared bus reports its own absence."""
    return is_shared(settings.bus_url) or bus_file(settings.data_folder).exists()


async def store_exists(settings: Settings, service: str) -> bool:
    """Whether the service has ever stored anything. Raises `Unavailable`."""
    if not is_shared(settings.store_url):
        return store_file(settings.data_folder, service).exists()
    with driver("store_url"):
        from houseful.adapters.mongodb.store import MongoStore
    return await MongoStore.exists(settings.store_url, database_of(settings, service))


async def refuse_damaged(settings: Settings, services: Sequence[str]) -> None:
    """Check the files of these services in the data folder before anything opens them: opening a damaged log
    discards its rest. Raises `Unavailable` with all faults.
    """
    files = []
    if not is_shared(settings.store_url):
        files += [store_file(settings.data_folder, service) for service in services]
    if services and not is_shared(settings.bus_url):
        files.append(bus_file(settings.data_folder))
    wrong = []
    for file in files:
        faults = await asyncio.to_thread(sqlite_health.faults_at_start, file)
        if faults:
            said = sqlite_health.damaged(file, faults)
            wrong.append(said + BUS_FIX if file == bus_file(settings.data_folder) else said)
    if wrong:
        raise Unavailable("\n".join(wrong))


@asynccontextmanager
async def opened_store(
    settings: Settings,
    service: str,
    documents: Sequence[type[Document]],
    *,
    clock: Clock,
    ids: Ids,
    read_only: bool = False,
) -> "AsyncIterator[SqliteStore | MongoStore]":
    """Open the store of a service. Raises `Unavailable`, and `SettingsError` without the driver."""
    if is_shared(settings.store_url):
        store: SqliteStore | MongoStore = await _mongo_store(
            settings, service, documents, clock, ids, read_only=read_only
        )
    else:
        file = store_file(settings.data_folder, service)
        store = SqliteStore.open(file, documents, clock=clock, ids=ids, read_only=read_only)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened_subset(
    settings: Settings,
    service: str,
    documents: Sequence[type[Document]],
    *,
    clock: Clock,
    ids: Ids,
    read_only: bool = True,
) -> "AsyncIterator[SqliteStore | MongoStore | None]":
    """Open some collections of an existing store, of any version.

    Yields None where an older version made none of them. Raises `Unavailable`.
    """
    if not is_shared(settings.store_url):
        file = store_file(settings.data_folder, service)
        if not SqliteStore.has(file, documents):
            yield None
            return
    async with opened_store(settings, service, documents, clock=clock, ids=ids, read_only=read_only) as store:
        yield store


@asynccontextmanager
async def opened_bus(
    settings: Settings, *, clock: Clock, read_only: bool = False
) -> "AsyncIterator[LocalBus | KafkaBus]":
    """Open the bus. Raises `Unavailable`, and `SettingsError` for an invalid URL."""
    if is_shared(settings.bus_url):
        bus: LocalBus | KafkaBus = _kafka_bus(settings, clock)
    else:
        bus = LocalBus.open(bus_file(settings.data_folder), clock=clock, read_only=read_only)
    try:
        yield bus
    finally:
        await bus.close()


def open_coordination(settings: Settings, *, clock: Clock) -> Coordination:
    """The caller closes it. Raises `SettingsError` for an invalid URL."""
    if not is_shared(settings.coordination_url):
        return LocalCoordination(clock)
    with driver("coordination_url"):
        from houseful.adapters.redis.coordination import RedisCoordination

        return RedisCoordination.open(settings.coordination_url, clock=clock, prefix=settings.installation)


def open_mailer(settings: Settings, *, clock: Clock, workers: Workers) -> Mailer:
    """Raises `SettingsError` for an invalid URL or sender."""
    from houseful.adapters.smtp import FolderMailer, SmtpMailer  # the SMTP library takes a while to import

    try:
        if settings.mail_url.startswith("folder:"):
            named = settings.mail_url.removeprefix("folder:")
            folder = Path(named) if named else settings.data_folder / "mail"
            return FolderMailer(folder, sender=settings.mail_from, clock=clock, workers=workers)
        return SmtpMailer(settings.mail_url, sender=settings.mail_from, clock=clock, workers=workers)
    except ValueError as error:
        raise SettingsError({"HOUSEFUL_MAIL_URL / HOUSEFUL_MAIL_FROM": str(error)}) from error


@contextmanager
def folder_if_needed(settings: Settings) -> Iterator[None]:
    """Hold the data folder, if it has files with a single writer. Raises `FolderInUse`."""
    if is_shared(settings.store_url) and is_shared(settings.bus_url):
        yield
        return
    with folder_lock.hold(settings.data_folder, links=settings.base_url):
        yield


async def _mongo_store(
    settings: Settings,
    service: str,
    documents: Sequence[type[Document]],
    clock: Clock,
    ids: Ids,
    *,
    read_only: bool,
) -> "MongoStore":
    with driver("store_url"):
        from houseful.adapters.mongodb.store import MongoStore
    database = database_of(settings, service)
    return await MongoStore.open(
        settings.store_url, database, documents, clock=clock, ids=ids, read_only=read_only
    )


def _kafka_bus(settings: Settings, clock: Clock) -> "KafkaBus":
    with driver("bus_url"):
        from houseful.adapters.kafka.bus import KafkaBus

        return KafkaBus.open(settings.bus_url, clock=clock, installation=settings.installation)


def database_of(settings: Settings, service: str) -> str:
    """The name of a service's database."""
    return f"{settings.installation}_{service}"


@contextmanager
def driver(setting: str) -> Iterator[None]:
    """Import a driver and parse its URL inside this block. Raises `SettingsError` where either fails."""
    variable = f"HOUSEFUL_{setting.upper()}"
    try:
        yield
    except ImportError as error:
        fix = f"needs {error.name}, which is not installed: install houseful[split]"
        raise SettingsError({variable: fix}) from error
    except ValueError as error:
        raise SettingsError({variable: str(error)}) from error
