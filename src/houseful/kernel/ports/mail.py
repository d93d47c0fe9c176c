"""E-mail."""

from typing import Protocol

import msgspec


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    media_type: str
    content: bytes


class CalendarDate(msgspec.Struct, frozen=True, kw_only=True):
    """An iCalendar object and its `METHOD`."""

    method: str
    content: bytes


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail. Texts are UTF-8.

    The Message-ID is made of `id`, so that duplicates are recognisable. `date` is an alternative of the text
    for calendars.
    """

    id: str
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str | None = None
    date: CalendarDate | None = None
    attachments: tuple[Attachment, ...] = ()


class Mailer(Protocol):
    async def send(self, email: Email) -> None:
        """Send one e-mail.

        Raises `Unavailable` for a failure that may pass, and a `DomainError` for an address that is refused
        for good.
        """
        ...
