"""E-mails as MIME messages, composed by a worker: that takes as long as some ten holds."""

import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from typing import NamedTuple

from houseful.kernel.documents import Millis
from houseful.kernel.email_addresses import NoAddress, parsed
from houseful.kernel.errors import DomainError, Invalid, Unavailable
from houseful.kernel.ports import Clock, Email, Workers

_PLAIN_NAME = re.compile(r"[A-Za-z0-9'-]+( [A-Za-z0-9'-]+)*")
_NAME_COLUMNS = 60
_POLICY = SMTP.clone(cte_type="7bit")
"""Every server takes 7-bit messages. Non-ASCII text is encoded."""
_OUR_WORK = "letters"


class Mailbox(NamedTuple):
    name: str
    wire: str

    @classmethod
    def of(cls, name: str, address: str) -> "Mailbox":
        """Raises `NoAddress`. The domain is in its ASCII form, which every server takes."""
        return cls(one_line(name), parsed(address).wire)

    def folded(self, header: str) -> str:
        """A header with this mailbox and no other.

        A name of more than letters and blanks becomes encoded words (RFC 2047), never a quoted string: Python
        3.11 loses quotes when it folds a long header, and a comma then splits the recipient in two.
        """
        if not self.name:
            return f"{header}: {self.wire}"
        if len(self.name) <= _NAME_COLUMNS and _PLAIN_NAME.fullmatch(self.name):
            return f"{header}: {self.name} <{self.wire}>"
        name = Header(self.name, "utf-8", header_name=header).encode(linesep="\r\n")
        return f"{header}: {name}\r\n <{self.wire}>"


class Composer:
    """Turns e-mails into MIME messages."""

    def __init__(self, sender: str, clock: Clock, workers: Workers) -> None:
        """`sender` has the form `Houseful <tickets@example.org>`.

        Raises `ValueError` for an invalid address.
        """
        self.sender = Mailbox.of(*parseaddr(sender))
        self._clock = clock
        self._workers = workers

    async def compose(self, email: Email) -> tuple[Mailbox, bytes]:
        """The recipient and the message.

        Raises a `DomainError` for an invalid address, and `Unavailable`, also where the workers are
        overloaded: an e-mail can wait.
        """
        try:
            recipient = Mailbox.of(email.to_name, email.to_address)
        except NoAddress as error:
            raise refused(email, str(error)) from error
        try:
            return recipient, await self._workers.run(
                written, email, self.sender, recipient, self._clock.now(), whose=_OUR_WORK
            )
        except DomainError as busy:
            raise Unavailable(busy.detail) from busy


def written(email: Email, sender: Mailbox, recipient: Mailbox, now: Millis) -> bytes:
    """The whole message."""
    whom = [sender.folded("From"), recipient.folded("To")]
    domain = sender.wire.rpartition("@")[2]
    return "\r\n".join(whom).encode() + b"\r\n" + _message(email, domain, now).as_bytes()


def _message(email: Email, domain: str, now: Millis) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = one_line(email.subject)
    message["Date"] = formatdate(now / 1000)
    message["Message-ID"] = f"<{email.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(email.text)
    if email.html is not None:
        message.add_alternative(email.html, subtype="html")
    if email.date is not None:  # where phones look for it; as a file it comes as well
        text, method = email.date.content.decode(), email.date.method
        message.add_alternative(text, subtype="calendar", params={"method": method})
    for attachment in email.attachments:
        maintype, _, subtype = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.content,
            maintype=maintype,
            subtype=subtype,
            filename=one_line(attachment.filename),
            params={"charset": "utf-8"} if maintype == "text" else {},
        )
    return message


def refused(email: Email, why: str) -> DomainError:
    return Invalid("mail_refused", f"Mail to {email.to_address!r} is refused: {one_line(why)}")


def one_line(text: str) -> str:
    """The text on one line. A line break in a header would inject other headers."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
