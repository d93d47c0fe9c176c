"""E-mail: to a folder, for development and demonstrations, or to an SMTP server."""

import asyncio
import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from houseful.adapters.mime import Composer, refused
from houseful.kernel import private_files
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Clock, Email, Workers

_SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}")


class FolderMailer:
    """Writes each e-mail to `<id>.eml` in a folder; a duplicate replaces its original.

    Any mail program opens `.eml` files.
    """

    def __init__(self, folder: Path, *, sender: str, clock: Clock, workers: Workers) -> None:
        self._folder = folder
        self._composer = Composer(sender, clock, workers)

    async def send(self, email: Email) -> None:
        if not _SAFE_ID.fullmatch(email.id):
            raise ValueError(f"{email.id!r} is no file name")
        _, content = await self._composer.compose(email)
        try:
            await asyncio.to_thread(self._write, email.id, content)
        except OSError as error:
            raise Unavailable(f"the e-mail can't be written: {error}") from error

    def _write(self, id: str, content: bytes) -> None:
        private_files.make_folder(self._folder)
        private_files.restrict(self._folder)  # the first versions left it open to others
        draft = self._folder / f".{id}.draft"
        with private_files.opened(draft) as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        draft.replace(self._folder / f"{id}.eml")  # readers never see a partial e-mail


class SmtpMailer:
    """Sends e-mails to an SMTP server, with a connection for each."""

    def __init__(
        self, url: str, *, sender: str, clock: Clock, workers: Workers, timeout_seconds: float = 10
    ) -> None:
        """`smtp://user:password@host:587` or, with TLS from the first byte, `smtps://…:465`.

        On `smtp:` the connection is encrypted if the server offers it, and must be if there is a password;
        `?starttls=yes` demands it always, `?starttls=no` forbids it. Raises `ValueError` for anything else.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("a mail URL looks like smtp://user:password@host:587")
        self._composer = Composer(sender, clock, workers)
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587 if parts.username else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "") if parts.username else None
        self._start_tls = False if self._tls else _start_tls(parts.query, demanded=self._user is not None)
        self._timeout_seconds = timeout_seconds

    async def send(self, email: Email) -> None:
        """Raises a `DomainError` where the server refuses the recipient or the e-mail for good.

        A refusal of our password or our sender address is not the recipient's fault: it raises `Unavailable`.
        """
        recipient, content = await self._composer.compose(email)
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
            raise _outcome(email, error.recipients[0]) from error
        except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
            raise _outcome(email, error) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise refused(email, str(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"the mail server {self._host}:{self._port}: {error}") from error


def _start_tls(query: str, *, demanded: bool) -> bool | None:
    """True demands STARTTLS, None uses it if the server offers it."""
    match parse_qs(query).get("starttls"):
        case None:
            return True if demanded else None
        case ["yes"]:
            return True
        case ["no"]:
            return False
        case other:
            raise ValueError(f"starttls is yes or no, not {other}")


def _outcome(email: Email, error: aiosmtplib.SMTPResponseException) -> Exception:
    if 500 <= error.code < 600:
        return refused(email, f"{error.code} {error.message}")
    return Unavailable(f"the mail server wants the e-mail later: {error.code} {error.message}")
