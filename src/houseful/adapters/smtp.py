"""Letters: to a folder, for development and demonstrations, or to an SMTP server."""

import asyncio
import os
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from houseful.kernel import private_files
from houseful.kernel.email_addresses import NoAddress, parsed
from houseful.kernel.errors import Refusal, Unavailable
from houseful.kernel.ports import Clock, Letter

_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+( [A-Za-z0-9'-]+)*")
_NAME_COLUMNS = 60
_POLICY = SMTP.clone(cte_type="7bit")
"""Every server takes it; what is not ASCII is encoded."""
_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")


class _Mailbox(NamedTuple):
    name: str
    wire: str

    @classmethod
    def of(cls, name: str, address: str) -> "_Mailbox":
        """Raises `NoAddress`. The domain is in its ASCII form, which every server takes."""
        return cls(_one_line(name), parsed(address).wire)

    def folded(self, header: str) -> str:
        """A header with this mailbox and no other. A name of more than letters and blanks goes as encoded
        words (RFC 2047), never in quotes: they get lost where Python folds a long header (3.11), and a comma
        then makes two recipients of one.
        """
        if not self.name:
            return f"{header}: {self.wire}"
        if len(self.name) <= _NAME_COLUMNS and _PLAIN_NAME.fullmatch(self.name):
            return f"{header}: {self.name} <{self.wire}>"
        name = Header(self.name, "utf-8", header_name=header).encode(linesep="\r\n")
        return f"{header}: {name}\r\n <{self.wire}>"


class _Composer:
    """Turns letters into MIME messages."""

    def __init__(self, sender: str, clock: Clock) -> None:
        """`sender` as in `Houseful <tickets@example.org>`. Raises `ValueError` for one that is no address."""
        self.sender = _Mailbox.of(*parseaddr(sender))
        self._domain = self.sender.wire.rpartition("@")[2]
        self._clock = clock

    def compose(self, letter: Letter) -> tuple[_Mailbox, bytes]:
        """To whom, and what. Raises `Refusal` for an address that can't be one."""
        try:
            recipient = _Mailbox.of(letter.to_name, letter.to_address)
        except NoAddress as error:
            raise _refused(letter, str(error)) from error
        message = self._message(letter)
        whom = [self.sender.folded("From"), recipient.folded("To")]
        return recipient, "\r\n".join(whom).encode() + b"\r\n" + message.as_bytes()

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage(policy=_POLICY)
        message["Subject"] = _one_line(letter.subject)
        message["Date"] = formatdate(self._clock.now() / 1000)
        message["Message-ID"] = f"<{letter.id}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        if letter.html is not None:
            message.add_alternative(letter.html, subtype="html")
        if letter.date is not None:  # where phones look for it; as a file it comes as well
            text, method = letter.date.content.decode(), letter.date.method
            message.add_alternative(text, subtype="calendar", params={"method": method})
        for attachment in letter.attachments:
            maintype, _, subtype = attachment.media_type.partition("/")
            message.add_attachment(
                attachment.content,
                maintype=maintype,
                subtype=subtype,
                filename=_one_line(attachment.filename),
                params={"charset": "utf-8"} if maintype == "text" else {},
            )
        return message


class FolderMailer:
    """Writes each letter to `<id>.eml` in a folder; a copy replaces its original. `.eml` files open in any
    mail program."""

    def __init__(self, folder: Path, *, sender: str, clock: Clock) -> None:
        self._folder = folder
        self._composer = _Composer(sender, clock)

    async def send(self, letter: Letter) -> None:
        if not _SAFE_ID.fullmatch(letter.id):
            raise ValueError(f"{letter.id!r} is no file name")
        _, content = self._composer.compose(letter)
        try:
            await asyncio.to_thread(self._write, letter.id, content)
        except OSError as error:
            raise Unavailable(f"the letter can't be written: {error}") from error

    def _write(self, id: str, content: bytes) -> None:
        private_files.make_folder(self._folder)
        private_files.close(self._folder)  # the first versions left it open to others
        draft = self._folder / f".{id}.draft"
        with private_files.opened(draft) as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        draft.replace(self._folder / f"{id}.eml")  # nobody sees half a letter


class SmtpMailer:
    """Hands letters to an SMTP server, with a connection for each."""

    def __init__(self, url: str, *, sender: str, clock: Clock, timeout_seconds: float = 10) -> None:
        """`smtp://user:password@host:587` or, with TLS from the first byte, `smtps://…:465`.

        On `smtp:` the connection is encrypted if the server offers it, and must be if there is a password;
        `?starttls=yes` demands it always, `?starttls=no` forbids it. Raises `ValueError` for anything else.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("a mail URL looks like smtp://user:password@host:587")
        self._composer = _Composer(sender, clock)
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587 if parts.username else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "") if parts.username else None
        self._start_tls = False if self._tls else _start_tls(parts.query, demanded=self._user is not None)
        self._timeout_seconds = timeout_seconds

    async def send(self, letter: Letter) -> None:
        """What the server refuses for good about the recipient or the letter is a `Refusal`.

        What it refuses about us, such as our password or our sender address, is not the recipient's fault:
        `Unavailable`.
        """
        recipient, content = self._composer.compose(letter)
        sender = self._composer.sender
        plain = recipient.wire.isascii() and sender.wire.isascii()
        try:
            await aiosmtplib.send(
                content,
                sender=sender.wire,
                recipients=[recipient.wire],
                mail_options=[] if plain else ["SMTPUTF8"],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                start_tls=self._start_tls,
                timeout=self._timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _outcome(letter, error.recipients[0]) from error
        except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
            raise _outcome(letter, error) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise _refused(letter, str(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"the mail server {self._host}:{self._port}: {error}") from error


def _start_tls(query: str, *, demanded: bool) -> bool | None:
    """True: must be; None: if it can be."""
    match parse_qs(query).get("starttls"):
        case None:
            return True if demanded else None
        case ["yes"]:
            return True
        case ["no"]:
            return False
        case other:
            raise ValueError(f"starttls is yes or no, not {other}")


def _outcome(letter: Letter, error: aiosmtplib.SMTPResponseException) -> Exception:
    if 500 <= error.code < 600:
        return _refused(letter, f"{error.code} {error.message}")
    return Unavailable(f"the mail server wants the letter later: {error.code} {error.message}")


def _refused(letter: Letter, why: str) -> Refusal:
    return Refusal(422, "mail_refused", f"Mail to {letter.to_address!r} is refused: {_one_line(why)}")


def _one_line(text: str) -> str:
    """A header is one line; more of them would be somebody else's headers."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
