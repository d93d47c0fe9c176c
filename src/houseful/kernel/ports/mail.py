"""E-mail."""

from typing import Protocol

import msgspec


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    media_type: str
    content: bytes


class CalendarDate(msgspec.Struct, frozen=True, kw_only=True):
    """An iCalendar object, and its `METHOD`."""

    method: str
    content: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail. `id` makes its Message-ID, so that a copy is recognisable as one. `date` is told beside the
    text, as a version of it for calendars. Texts are UTF-8.
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
    async def send(self, letter: Letter) -> None:
        """Raises `Unavailable` where it may be tried again, `DomainError` where the address is refused for
        good.
        """
        ...
