"""The mailers: the contract, the folder, and SMTP against a small server that says what it is told to."""

import asyncio
import base64
import os
import ssl
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from houseful.adapters.processes.pool import InlineWorkers, WorkerProcesses
from houseful.adapters.smtp import FolderMailer, SmtpMailer
from houseful.kernel.clock import ManualClock
from houseful.kernel.errors import DomainError, Overloaded, Unavailable
from tests.contract.mailer_contract import LETTER, Arrived, MailerContract

SENDER = "Houseful <tickets@example.net>"


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default_policy)


class SmtpSink:
    """A small SMTP server. `answers` replaces what it says to a command; `DOT` is the end of the data."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.recipients: list[str] = []
        self.credentials: list[str] = []
        self.answers: dict[str, str] = {}
        self.silent = False
        self.offers = ["8BITMIME", "SMTPUTF8"]
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await reader.read()
        else:
            self._say(writer, self.answers.get("CONNECT", "220 sink"))
            while (line := await reader.readline()) and await self._answer(
                line.decode().strip(), reader, writer
            ):
                pass
        writer.close()

    async def _answer(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        command, _, rest = line.partition(" ")
        command = command.upper()
        expected = {"DATA": "354 go on", "QUIT": "221 bye", "AUTH": "235 welcome"}.get(command, "250 fine")
        if command == "EHLO":
            expected = "\r\n".join(f"250-{offer}" for offer in self.offers) + "\r\n250 sink"
        answer = self.answers.get(command, expected)
        self._say(writer, answer)
        if command == "AUTH" and rest.startswith("PLAIN "):
            self.credentials.append(base64.b64decode(rest.removeprefix("PLAIN ")).decode())
        elif command == "RCPT" and answer.startswith("2"):
            self.recipients.append(rest)
        elif command == "DATA" and answer.startswith("3"):
            content = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
            answer = self.answers.get("DOT", "250 accepted")
            if answer.startswith("2"):
                self.letters.append(content)
            self._say(writer, answer)
        return command != "QUIT"

    def _say(self, writer: asyncio.StreamWriter, answer: str) -> None:
        writer.write(answer.encode() + b"\r\n")


@pytest.fixture
async def sink() -> AsyncIterator[SmtpSink]:
    sink = SmtpSink()
    await sink.start()
    yield sink
    await sink.stop()


@pytest.fixture
def smtp(sink: SmtpSink) -> SmtpMailer:
    return SmtpMailer(
        f"smtp://127.0.0.1:{sink.port}", sender=SENDER, clock=ManualClock(), workers=InlineWorkers()
    )


class TestFolderMailer(MailerContract):
    @pytest.fixture
    async def mailer(self, tmp_path: Path) -> FolderMailer:
        return FolderMailer(tmp_path / "mail", sender=SENDER, clock=ManualClock(), workers=InlineWorkers())

    @pytest.fixture
    def arrived(self, tmp_path: Path) -> Arrived:
        async def arrived() -> list[EmailMessage]:
            return [parsed(file.read_bytes()) for file in sorted((tmp_path / "mail").glob("*.eml"))]

        return arrived


class TestSmtpMailer(MailerContract):
    @pytest.fixture
    async def mailer(self, smtp: SmtpMailer) -> SmtpMailer:
        return smtp

    @pytest.fixture
    def arrived(self, sink: SmtpSink) -> Arrived:
        async def arrived() -> list[EmailMessage]:
            return [parsed(letter) for letter in sink.letters]

        return arrived


async def test_another_process_writes_the_message(tmp_path: Path) -> None:
    workers = WorkerProcesses()
    try:
        for folder, whose in (("here", InlineWorkers()), ("there", workers)):
            mailer = FolderMailer(tmp_path / folder, sender=SENDER, clock=ManualClock(), workers=whose)
            await mailer.send(LETTER)
    finally:
        await workers.close()
    here, there = (
        [line for line in file.read_bytes().splitlines() if b"==" not in line]  # boundaries are by chance
        for file in (tmp_path / "here" / "let_0198c0ffee.eml", tmp_path / "there" / "let_0198c0ffee.eml")
    )
    assert here == there


async def test_a_letter_can_wait_while_the_workers_are_busy(tmp_path: Path) -> None:
    class Busy(InlineWorkers):
        async def run(self, work: object, *arguments: object, whose: str, most: int = 16) -> NoReturn:
            raise Overloaded("too_busy", "Too many ask.")

    mailer = FolderMailer(tmp_path, sender=SENDER, clock=ManualClock(), workers=Busy())
    with pytest.raises(Unavailable, match="Too many ask"):
        await mailer.send(LETTER)


async def test_a_folder_has_a_file_for_each_letter(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mail", sender=SENDER, clock=ManualClock(), workers=InlineWorkers())
    await mailer.send(LETTER)
    await mailer.send(LETTER)
    assert [file.name for file in (tmp_path / "mail").iterdir()] == ["let_0198c0ffee.eml"]


async def test_letters_are_the_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        for folder in (tmp_path / "mail", tmp_path / "new" / "mail"):
            await FolderMailer(folder, sender=SENDER, clock=ManualClock(), workers=InlineWorkers()).send(
                LETTER
            )
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    finally:
        os.umask(before)


async def test_the_envelope_is_told_what_the_headers_say(smtp: SmtpMailer, sink: SmtpSink) -> None:
    await smtp.send(replace(LETTER, to_name="a@x.org, b@x.org", to_address="anna@straße.de"))
    assert [one.split(">")[0] for one in sink.recipients] == ["TO:<anna@xn--strae-oqa.de"]
    sink.offers.remove("SMTPUTF8")
    with pytest.raises(DomainError, match="SMTPUTF8"):
        await smtp.send(replace(LETTER, to_address="jörg@example.org"))
    await smtp.send(replace(LETTER, to_address="joerg@münchen.de"))
    assert len(sink.letters) == 2


@pytest.mark.parametrize("id", ["../escape", "a/b", "", ".hidden", "nul\0"])
async def test_no_letter_leaves_its_folder(tmp_path: Path, id: str) -> None:
    mailer = FolderMailer(tmp_path / "mail", sender=SENDER, clock=ManualClock(), workers=InlineWorkers())
    with pytest.raises(ValueError, match="no file name"):
        await mailer.send(replace(LETTER, id=id))


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await FolderMailer(
            tmp_path / "mail", sender=SENDER, clock=ManualClock(), workers=InlineWorkers()
        ).send(LETTER)


@pytest.mark.parametrize("sender", ["", "Houseful", "Houseful <tickets>"])
async def test_a_sender_that_is_no_address_is_found_at_once(tmp_path: Path, sender: str) -> None:
    with pytest.raises(ValueError, match=r"@-sign"):
        FolderMailer(tmp_path, sender=sender, clock=ManualClock(), workers=InlineWorkers())


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("RCPT", "550 no such user"),
        ("RCPT", "553 bad mailbox"),
        ("DATA", "554 no"),
        ("DOT", "554 this looks like spam"),
    ],
)
async def test_refused_for_good(smtp: SmtpMailer, sink: SmtpSink, command: str, answer: str) -> None:
    sink.answers[command] = answer
    with pytest.raises(DomainError, match=answer):
        await smtp.send(LETTER)
    assert sink.letters == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("CONNECT", "421 too busy"),
        ("CONNECT", "554 no service"),
        ("EHLO", "421 too busy"),
        ("MAIL", "451 later"),
        ("MAIL", "550 we do not relay for this sender"),
        ("RCPT", "450 mailbox busy"),
        ("DATA", "451 later"),
        ("DOT", "452 disk full"),
        ("DOT", "nonsense"),
    ],
)
async def test_to_be_tried_again(smtp: SmtpMailer, sink: SmtpSink, command: str, answer: str) -> None:
    sink.answers[command] = answer
    with pytest.raises(Unavailable):
        await smtp.send(LETTER)
    sink.answers.clear()
    await smtp.send(LETTER)
    assert len(sink.letters) == 1


async def test_nobody_listens(smtp: SmtpMailer, sink: SmtpSink) -> None:
    await sink.stop()
    with pytest.raises(Unavailable):
        await smtp.send(LETTER)


async def test_a_server_that_says_nothing(sink: SmtpSink) -> None:
    sink.silent = True
    mailer = SmtpMailer(
        f"smtp://127.0.0.1:{sink.port}",
        sender=SENDER,
        clock=ManualClock(),
        workers=InlineWorkers(),
        timeout_seconds=0.1,
    )
    with pytest.raises(Unavailable):
        await mailer.send(LETTER)


async def test_a_password_does_not_travel_in_the_open(sink: SmtpSink) -> None:
    sink.offers.append("AUTH PLAIN")
    mailer = SmtpMailer(
        f"smtp://ada:secret@127.0.0.1:{sink.port}",
        sender=SENDER,
        clock=ManualClock(),
        workers=InlineWorkers(),
    )
    with pytest.raises(Unavailable):
        await mailer.send(LETTER)
    assert sink.credentials == []


async def test_a_password_in_the_open_on_demand(sink: SmtpSink) -> None:
    sink.offers.append("AUTH PLAIN")
    url = f"smtp://ada%40example.org:s%3Acret@127.0.0.1:{sink.port}?starttls=no"
    mailer = SmtpMailer(url, sender=SENDER, clock=ManualClock(), workers=InlineWorkers())
    await mailer.send(LETTER)
    assert sink.credentials == ["\0ada@example.org\0s:cret"]
    sink.answers["AUTH"] = "535 wrong"
    with pytest.raises(Unavailable, match="535"):
        await mailer.send(LETTER)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


async def test_tls_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path)
    sink = SmtpSink()
    sink.offers.append("AUTH PLAIN")
    await sink.start(context)
    mailer = SmtpMailer(
        f"smtps://ada:secret@localhost:{sink.port}",
        sender=SENDER,
        clock=ManualClock(),
        workers=InlineWorkers(),
    )
    with pytest.raises(Unavailable, match="certificate"):
        await mailer.send(LETTER)
    assert sink.credentials == []
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    await mailer.send(LETTER)
    assert sink.credentials == ["\0ada\0secret"]
    assert len(sink.letters) == 1
    await sink.stop()


@pytest.mark.parametrize(
    "url", ["", "http://host", "smtp:", "smtp://", "smtp://host:port", "smtp://host?starttls=perhaps"]
)
def test_a_wrong_url_is_found_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        SmtpMailer(url, sender=SENDER, clock=ManualClock(), workers=InlineWorkers())
