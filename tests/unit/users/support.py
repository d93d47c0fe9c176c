"""The users service on a store of its own, with a manual clock and cheap hashes, as a class and over HTTP."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from argon2 import PasswordHasher

from houseful.adapters.http.gateway_client import AsgiClient
from houseful.adapters.memory.coordination import LocalCoordination
from houseful.adapters.processes.pool import InlineWorkers
from houseful.adapters.sqlite.store import SqliteStore
from houseful.administration import Administration
from houseful.kernel.clock import ManualClock, SystemClock
from houseful.kernel.errors import DomainError
from houseful.kernel.ids import SystemIds
from houseful.kernel.ports import Email, Reader, ServiceResponse
from houseful.kernel.roles import Identity, Role
from houseful.messaging import DELIVERY_DOCUMENTS
from houseful.settings import Secrets, Settings
from houseful.users import MANIFEST
from houseful.users.domain import User
from houseful.users.passwords import Passwords
from houseful.users.service import Users
from houseful.users.sessions import SignedIn
from houseful.webapi.account_parts import EXPORT
from houseful.webapi.auth import TokenVerifier
from houseful.webapi.dispatch import ServiceApp
from houseful.webapi.revoked_tokens import RevokedTokens
from tests.support.cheap_passwords import CHEAP

SECRETS = Secrets(
    token_key="A" * 43,
    session_key="B" * 43,
    ticket_key="C" * 43,
    payments_key="D" * 43,
    webhook_keys="E" * 43,
)
PASSWORD = "correct horse"
ANN = "ann@example.com"
HERE = "203.0.113.7"
OURS = {"x_houseful_client": "web", "origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}


class MailServer:
    """Keeps what is sent. `error` is raised instead, while there is one."""

    def __init__(self) -> None:
        self.emails: list[Email] = []
        self.error: Exception | None = None

    async def send(self, email: Email) -> None:
        if self.error is not None:
            raise self.error
        self.emails.append(email)


class OtherServices:
    """What they answer, by path; of what is not here, an empty list or no obstacle."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> ServiceResponse:
        self.asked.append((path, (headers or {})["authorization"]))
        nothing: dict[str, Any] = {"items": []} if path.startswith(EXPORT) else {"obstacles": []}
        answer = self.answers.get(path, nothing)
        if isinstance(answer, int):
            return ServiceResponse(answer, {}, b"{}")
        return ServiceResponse(200, {}, msgspec.json.encode(answer))


class Harness:
    """One installation."""

    def __init__(self, folder: Path, settings: Settings, hasher: PasswordHasher = CHEAP) -> None:
        self.settings = settings
        self.clock = ManualClock()
        self.ids = SystemIds()
        # The store waits between attempts; that is no part of the time that these tests tell.
        self.store = SqliteStore.open(
            folder / "users.db", (*MANIFEST.documents, *DELIVERY_DOCUMENTS), clock=SystemClock(), ids=self.ids
        )
        self.coordination = LocalCoordination(self.clock)
        self.passwords = Passwords(self.ids, hasher=hasher)
        self.mail = MailServer()
        self.others = OtherServices()
        self.users = self.another_process()
        self.client = AsgiClient()
        self.ended = self.what_another_knows()
        self.verifier = TokenVerifier(self.client, self.clock, self.ended)
        self.client.bind(
            ServiceApp(
                "users",
                self.users,
                MANIFEST.endpoints,
                store=self.store,
                coordination=self.coordination,
                clock=self.clock,
                verifier=self.verifier,
                workers=InlineWorkers(),
                administration=Administration(
                    "users", self.store, None, self.clock, self.ids, handlers={}, checks=self.checks
                ),
            )
        )

    async def checks(self) -> dict[str, str]:
        return {"jobs": "ready"}

    def what_another_knows(self) -> RevokedTokens:
        """A process that has just begun."""
        return RevokedTokens(self.client, self.coordination, self.clock)

    def another_process(self, passwords: Passwords | None = None) -> Users:
        return Users(
            settings=self.settings,
            secrets=SECRETS,
            store=self.store,
            coordination=self.coordination,
            clock=self.clock,
            ids=self.ids,
            mailer=self.mail,
            client=self.others,
            passwords=passwords or self.passwords,
        )

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> ServiceResponse:
        """Keyword arguments are headers, with underscores for hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        return await self.client.request(method, path, body=raw, headers=sent)

    async def mailed(self) -> list[Email]:
        """What was sent since the last time."""
        while await self.users.email_outbox.send_due():
            pass
        sent, self.mail.emails = self.mail.emails, []
        return sent

    async def registered(self, email: str = "ann@example.com") -> str:
        """Somebody who has made the account, signed in; the access token."""
        body = {"email": email, "password": PASSWORD, "name": "Ann"}
        assert (await self.call("POST", "/api/auth/register", body)).status == 201
        return str((await self.signed_in(email))["access_token"])

    async def person(self, email: str = "ann@example.com", *roles: Role) -> dict[str, Any]:
        """Somebody with an account, signed in with the refresh token in the body."""
        await self.users.create_user(email, PASSWORD, "Ann", roles)
        return await self.signed_in(email)

    async def signed_in(self, email: str = "ann@example.com", password: str = PASSWORD) -> dict[str, Any]:
        body = {"email": email, "password": password, "token_transport": "body"}
        answer = await self.call("POST", "/api/auth/login", body)
        assert answer.status == 200, answer.body
        signed_in: dict[str, Any] = json(answer)
        return signed_in


def json(answer: ServiceResponse) -> Any:
    return msgspec.json.decode(answer.body)


def code(answer: ServiceResponse) -> tuple[int, str]:
    return answer.status, json(answer)["code"]


def link_of(email: Email) -> str:
    """The token in the email's link."""
    [token] = re.findall(r"#(\S+)", email.text)
    assert email.html is not None
    assert f"#{token}" in email.html
    return str(token)


MakeHarness = Callable[..., Harness]


async def cookie_login(harness: Harness) -> tuple[str, ServiceResponse]:
    """Name and value of the cookie."""
    await harness.users.create_user(ANN, PASSWORD, "Ann")
    answer = await harness.call("POST", "/api/auth/login", {"email": ANN, "password": PASSWORD})
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].split(";")[0], answer


def identity(user: User, session_id: str = "ses_none") -> Identity:
    return Identity(user.id, session_id, frozenset(user.roles), 2**60)


async def login(users: Users, email: str = ANN, password: str = PASSWORD, peer: str = HERE) -> SignedIn:
    return await users.sign_ins.with_password(email=email, password=password, peer=peer)


async def all_of(store: Reader, kind: type[Any]) -> list[Any]:
    return await store.find(kind, {}, limit=1000)


async def refused(call: Any) -> str:
    with pytest.raises(DomainError) as refusal:
        await call
    return refusal.value.code
