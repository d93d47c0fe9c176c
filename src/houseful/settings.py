"""The central configuration: one frozen, validated object, from `HOUSEFUL_*` environment variables and an
optional TOML file.

The environment wins over the file, the file over the defaults. Everything is checked before anything is
opened, and every error names the variable and the fix.
"""

import base64
import ipaddress
import os
import secrets as random_secrets
import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from houseful.environment import PREFIX, is_service_link, meant, unknown_variables
from houseful.kernel import private_files

SERVICES = ("users", "events", "tickets", "payments", "line")
OPTIONAL_SERVICES = frozenset({"line"})
"""What an installation may be without: a gateway that is told of none does not ask for it."""

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]


class SettingsError(Exception):
    """The configuration can't be used. `errors` maps a variable's name to what is wrong with it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {error}" for name, error in errors.items()))
        self.errors = dict(errors)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this process runs. Names are those of the environment variables in lower case, without
    `HOUSEFUL_`.
    """

    installation: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,29}$")] = "houseful"
    """Keeps installations on the same engines apart: begins the names of databases, topics, groups and
    keys.
    """
    data: str = "data"
    """Folder of the embedded store, bus, keys and mail."""
    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""
    """Where browsers reach the gateway, such as https://tickets.example.org; by default http://host:port, and
    where the host stands for all addresses, the one that this machine has in its network.
    """
    gateway_url: str = ""
    """Where the services of a process without a gateway reach one; several with commas between."""
    users_url: str = ""
    """Where a gateway reaches the copies of a service that does not run in its process, with commas
    between; the same for the next four.
    """
    events_url: str = ""
    tickets_url: str = ""
    payments_url: str = ""
    line_url: str = ""
    """May stay empty where no event has a line."""
    store_url: str = "sqlite:"
    """Or `mongodb://host/?replicaSet=…`; each service has a database of its own there."""
    bus_url: str = "local:"
    """Or `kafka://host:port,host:port`, or `kafka+ssl://user:password@host:port`."""
    coordination_url: str = "local:"
    """Or `redis://host:port`, `rediss://…` (TLS), `unix://…`."""
    relay: Literal["on", "off"] = "on"
    """Whether services publish their outboxes themselves; off where Kafka Connect does it."""
    mail_url: str = "folder:"
    """`folder:` writes .eml files into the data folder; `smtp://user:password@host:587` sends."""
    mail_from: str = "Houseful <tickets@localhost>"
    proxies: Annotated[int, Meta(ge=0, le=8)] = 0
    """How many proxies of your own stand in front and append to X-Forwarded-For (or, where that is missing,
    to Forwarded); 0 believes nobody about a client's address.
    """
    web_folder: str = ""
    """The built web app; by default the one that comes with the package."""
    demo: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_style: Literal["console", "json"] = "console"
    rate_limits: Literal["on", "off"] = "on"
    access_token_seconds: Annotated[int, Meta(ge=5, le=600)] = 600
    session_days: Annotated[int, Meta(ge=1, le=365)] = 30
    sweep_seconds: Seconds = 1.0
    """How often what is due (expiry, reconciliation, mail) is looked for; nothing depends on it for
    correctness.
    """
    sweepers: Literal["on", "off"] = "on"
    payments_delay_seconds: Annotated[float, Meta(ge=0)] = 5.0
    """How long the mocked gateway's slow card takes."""
    processor_calls_per_second: Annotated[float, Meta(ge=0)] = 0
    """What the card processor takes: a line calls no more buyers than can pay. 0: no limit is known."""
    drain_seconds: Annotated[float, Meta(ge=0)] = 2.0
    """For how long a process of a split installation says that it is about to end, and still answers, before
    it does; longer than the gateways' look at it takes.
    """
    shutdown_seconds: Seconds = 10.0

    @property
    def data_folder(self) -> Path:
        return Path(self.data)

    @property
    def base_url(self) -> str:
        """Where links lead: where browsers reach the gateway, as far as this process knows. A process without
        a gateway of its own knows what services are told."""
        named = self.public_url or next(iter(self.copies("gateway")), "")
        host = {4: "127.0.0.1", 6: "::1"}.get(_all_addresses(self.host), self.host)
        return (named or f"http://{f'[{host}]' if ':' in host else host}:{self.port}").rstrip("/")

    @property
    def local_url(self) -> str:
        """Where this machine reaches this process."""
        return msgspec.structs.replace(self, public_url="", gateway_url="").base_url

    @property
    def listens_everywhere(self) -> bool:
        """On all addresses of the machine, by none of which others know it."""
        return _all_addresses(self.host) != 0

    def copies(self, name: str) -> list[str]:
        """The base URLs of "gateway" or a service, as far as they are named."""
        urls: str = getattr(self, f"{name}_url")
        return [url.strip().rstrip("/") for url in urls.split(",") if url.strip()]


class Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of this installation, base64url. A single process makes its own at the first start and keeps them
    in its data folder. A process of a split installation has those that its parts need (`KEYS_OF`); the
    others are empty.
    """

    token_key: str = ""
    """Ed25519 seed that signs access tokens."""
    session_key: str = ""
    """HMAC key that refresh tokens are derived with."""
    ticket_key: str = ""
    """Ed25519 seed that signs tickets."""
    payments_key: str = ""
    """What the ticket service shows to the payment gateway."""
    webhook_keys: str = ""
    """HMAC keys of payment webhooks, separated by commas: the first signs, all are accepted."""
    gateway_key: str = ""
    """What services in other processes show to the gateway, so that they are not limited as one client
    would be. In one process nobody needs it.
    """
    line_key: str = ""
    """Ed25519 seed that signs the passes and receipts of lines."""
    place_key: str = ""
    """HMAC key that names accounts in lines, so that a published list names nobody."""
    metrics_token: str = ""
    """What an operator's monitoring shows to the gateway from another machine, as a bearer token. Without
    one, figures and details are for callers on the gateway's own machine.
    """

    def __repr__(self) -> str:
        return "Secrets(…)"

    def raw(self, name: str) -> bytes:
        value: str = getattr(self, name)
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def load_settings(
    environment: Mapping[str, str] | None = None, *, file: Path | None = None, **overrides: Any
) -> Settings:
    """Raises `SettingsError`. `overrides` come from the command line and win over everything; None means not
    given.
    """
    environment = os.environ if environment is None else environment
    variables = {PREFIX + field.name.upper(): field.name for field in msgspec.structs.fields(Settings)}
    keys = [PREFIX + field.name.upper() for field in msgspec.structs.fields(Secrets)]
    errors = unknown_variables(environment, [*variables, *keys])
    values: dict[str, tuple[str, Any]] = {}  # by name: where it was said, and what
    file = file or (Path(environment["HOUSEFUL_CONFIG"]) if environment.get("HOUSEFUL_CONFIG") else None)
    if file is not None:
        found = _read_toml(file, set(variables.values()), errors)
        values |= {name: (f"{file}: {name}", value) for name, value in found.items()}
    for variable, name in variables.items():
        if variable in environment and not is_service_link(variable, environment[variable]):
            values[name] = variable, environment[variable]
    given = {name: value for name, value in overrides.items() if value is not None}
    values |= {name: (PREFIX + name.upper(), value) for name, value in given.items()}
    settings: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name not in values:
            continue
        where, value = values[field.name]
        try:
            settings[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            errors[where] = f"{error}; it is {value!r}"
    if not errors:
        result = Settings(**settings)
        errors = _contradictions(result)
        if not errors:
            return result
    raise SettingsError(errors)


def _read_toml(file: Path, names: set[str], errors: dict[str, str]) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError({"HOUSEFUL_CONFIG": f"{file} can't be read: {error}"}) from error
    keys = {field.name for field in msgspec.structs.fields(Secrets)}
    for name in table.keys() - names:
        errors[f"{file}: {name}"] = (
            "is not read from here: keys come from the environment, or keys.toml in the data folder"
            if name in keys
            else f"is no setting{meant(name, names)}"
        )
    return {name: value for name, value in table.items() if name in names}


def _contradictions(settings: Settings) -> dict[str, str]:
    errors: dict[str, str] = {}
    schemes = {
        "store_url": ("sqlite", "mongodb", "mongodb+srv"),
        "bus_url": ("local", "kafka", "kafka+ssl"),
        "coordination_url": ("local", "redis", "rediss", "unix"),
        "mail_url": ("folder", "smtp", "smtps"),
    }
    for name, allowed in schemes.items():
        scheme = urlsplit(getattr(settings, name)).scheme
        if scheme not in allowed:
            known = ", ".join(f"{one}:" for one in allowed)
            errors[PREFIX + name.upper()] = f"begins with {scheme!r}; it has to begin with one of {known}"
    named = {"public_url": [settings.public_url] if settings.public_url else []}
    named |= {f"{name}_url": settings.copies(name) for name in ("gateway", *SERVICES)}
    for name, urls in named.items():
        for url in urls:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                errors[PREFIX + name.upper()] = f"{url!r} is no http:// or https:// URL"
    return errors or _unusable_links(settings)


def _unusable_links(settings: Settings) -> dict[str, str]:
    parts = urlsplit(settings.public_url)
    if parts.scheme and _all_addresses(parts.hostname or ""):
        wrong = f"{parts.hostname} is no address that a browser can open; name the one by which it is reached"
    elif parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        wrong = f"{settings.public_url!r} has to end behind the host and port: links are put together with it"
    else:
        return {}
    return {f"{PREFIX}PUBLIC_URL": wrong}


def _all_addresses(host: str) -> int:
    """4 or 6 where the host stands for all addresses of the machine (`0.0.0.0`, `::`), else 0."""
    if host in ("", "0"):
        return 4
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return 0
    return found.version if found.is_unspecified else 0


KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "gateway": ("gateway_key", "metrics_token"),
    "users": ("token_key", "session_key", "gateway_key"),
    "events": ("gateway_key",),
    "tickets": ("ticket_key", "payments_key", "webhook_keys", "gateway_key"),
    "payments": ("payments_key", "webhook_keys", "gateway_key"),
    "line": ("line_key", "place_key", "gateway_key"),
}
"""What each part signs, proves or checks with. Access tokens, passes and ticket codes are checked with
public keys, which the services publish: nobody else needs what signs them."""

_OPTIONAL = frozenset({"metrics_token"})
_OF_SEPARATE_PROCESSES = frozenset({"gateway_key", "metrics_token"})
_SEEDS = ("token_key", "ticket_key", "session_key", "line_key", "place_key")
_ADDED = frozenset({"line_key", "place_key"})
"""What key files of older versions do not have."""


def load_secrets(
    settings: Settings,
    environment: Mapping[str, str] | None = None,
    *,
    parts: Collection[str] = tuple(KEYS_OF),
    make: bool = True,
) -> Secrets:
    """The keys that these parts need, from the environment; what is not there from `keys.toml` in the data
    folder. Other keys are not read.

    With `make` that file is written at the first start (mode 600), with all keys. Without, as for a process
    that shares its keys with others, missing keys raise `SettingsError`.
    """
    environment = os.environ if environment is None else environment
    wanted = [name for name in Secrets.__struct_fields__ if any(name in KEYS_OF[part] for part in parts)]
    needed = [name for name in wanted if name not in (_OF_SEPARATE_PROCESSES if make else _OPTIONAL)]
    variables = {name: PREFIX + name.upper() for name in wanted}
    given = {name: environment[variable] for name, variable in variables.items() if variable in environment}
    if any(name not in given for name in needed):
        kept = _kept_secrets(settings.data_folder / "keys.toml", make=make)
        given = {name: key for name, key in kept.items() if name in wanted} | given
    missing = [name for name in needed if not given.get(name)]
    if missing:
        fix = "is missing; every process that needs it has the same, and `houseful keys` makes a set"
        raise SettingsError({variables[name]: fix for name in missing})
    secrets = Secrets(**given)
    for name in (seed for seed in _SEEDS if seed in wanted):
        try:
            length = len(secrets.raw(name))
        except ValueError:
            length = 0
        if length != 32:
            raise SettingsError({PREFIX + name.upper(): "is not 32 bytes in base64url"})
    return secrets


def own_environment(environment: Mapping[str, str], parts: Collection[str]) -> dict[str, str]:
    """`environment` for a process that runs these parts: without the keys that none of them needs."""
    own = {name for part in parts for name in KEYS_OF[part]}
    others = {PREFIX + name.upper() for name in Secrets.__struct_fields__ if name not in own}
    return {name: value for name, value in environment.items() if name not in others}


def new_secrets() -> dict[str, str]:
    """Fresh keys, by name."""
    return {field.name: random_secrets.token_urlsafe(32) for field in msgspec.structs.fields(Secrets)}


def _kept_secrets(file: Path, *, make: bool) -> dict[str, str]:
    if not file.exists():
        if not make:
            return {}
        private_files.make_folder(file.parent)
        lines = "".join(f'{name} = "{key}"\n' for name, key in new_secrets().items())
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            output.write(
                "# The keys of this installation. Whoever has them can sign in as anyone. Keep a copy.\n"
                + lines
            )
            output.flush()
            os.fsync(output.fileno())
        with suppress(
            FileExistsError
        ):  # of two first starts at one instant, one wins and both read the same keys
            os.link(draft, file)
        draft.unlink()
    try:
        kept = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError({str(file): f"can't be read ({error}); restore it from a copy"}) from error
    names = Secrets.__struct_fields__
    if make and (added := [name for name in names if name in _ADDED and name not in kept]):
        kept |= _added_secrets(file, added)
    missing = [
        name for name in names if name not in _OF_SEPARATE_PROCESSES and not isinstance(kept.get(name), str)
    ]
    if make and missing:
        raise SettingsError({str(file): f"has no {', '.join(missing)}; restore it from a copy"})
    return {name: kept[name] for name in names if isinstance(kept.get(name), str)}


def _added_secrets(file: Path, names: list[str]) -> dict[str, str]:
    """Keys that came with a later version, added to the file."""
    made = {name: key for name, key in new_secrets().items() if name in names}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(file.read_text().rstrip("\n") + "\n")
        output.write("".join(f'{name} = "{key}"\n' for name, key in made.items()))
        output.flush()
        os.fsync(output.fileno())
    draft.replace(file)
    return made


def masked(settings: Settings) -> dict[str, Any]:
    """For printing: passwords in URLs are hidden."""
    shown: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(settings).items():
        if isinstance(value, str) and urlsplit(value).password:
            value = value.replace(f":{urlsplit(value).password}@", ":***@")
        shown[name] = value
    return shown
