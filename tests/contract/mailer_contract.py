"""What every `Mailer` does. An adapter's test inherits `MailerContract` and says what has arrived."""

from collections.abc import Awaitable, Callable
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from msgspec.structs import replace

from houseful.kernel.errors import DomainError
from houseful.kernel.ports import Attachment, CalendarDate, Email, Mailer

Arrived = Callable[[], Awaitable[list[EmailMessage]]]
"""What the recipients have, the oldest first."""

LETTER = Email(
    id="let_0198c0ffee",
    to_name="Ada Lovelace",
    to_address="ada@example.org",
    subject="Your tickets",
    text="See you there.\n",
)

ANY_NAMES = [
    "Lovelace, Ada",
    'Eve" <eve@example.org>, "Ada',
    "a@example.org, b@example.org, c@example.org",
    ", ".join(f"Recipient Number {n} victim{n}@example.org" for n in range(3)),
    "W" * 100,
    "word, " * 16 + "end",
    "Dr. Anna (PhD); Lee: x\\y",
    "Anna\r\nTo: all@example.org",
    "مريم الخوري, عبد الله",
    "小川 " * 25,
    "=?utf-8?q?x=2C?= <all@example.org>",
    "🎭" * 50,
]


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body(preferencelist=(kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")


class MailerContract:
    @pytest.fixture
    async def mailer(self) -> Mailer:
        raise NotImplementedError

    @pytest.fixture
    def arrived(self) -> Arrived:
        raise NotImplementedError

    async def test_a_letter_arrives(self, mailer: Mailer, arrived: Arrived) -> None:
        await mailer.send(LETTER)
        [message] = await arrived()
        assert message["Subject"] == "Your tickets"
        assert message["To"] == "Ada Lovelace <ada@example.org>"
        assert message["From"] == "Houseful <tickets@example.net>"
        assert message["Date"].datetime.timestamp() == 1_800_000_000
        assert text_of(message) == "See you there.\n"

    async def test_any_script_and_length(self, mailer: Mailer, arrived: Arrived) -> None:
        letter = Email(
            id="let_1",
            to_name="Žofia, 小川 ⟨the 2nd⟩",
            to_address="zofia@bücher.example",
            subject="Übertragung von „Œdipe“ — 京都 🎭 " + "sehr lang " * 30,
            text="Größe: 5 €\n.\nA line with a single dot above\n" + "x" * 2000 + "\n",
        )
        await mailer.send(letter)
        [message] = await arrived()
        assert message["Subject"] == letter.subject.strip()
        assert message["To"].addresses[0].display_name == letter.to_name
        assert message["To"].addresses[0].addr_spec == "zofia@xn--bcher-kva.example"
        assert text_of(message) == letter.text

    async def test_html_and_attachments(self, mailer: Mailer, arrived: Arrived) -> None:
        letter = Email(
            id="let_1",
            to_name="Ada",
            to_address="ada@example.org",
            subject="Your tickets",
            text="Attached.\n",
            html="<p>Attached – <b>see</b></p>\n",
            attachments=(
                Attachment(
                    filename="tickets.pdf", media_type="application/pdf", content=bytes(range(256)) * 50
                ),
                Attachment(filename="Übung.ics", media_type="text/calendar", content=b"BEGIN:VCALENDAR\r\n"),
            ),
        )
        await mailer.send(letter)
        [message] = await arrived()
        assert text_of(message) == letter.text
        assert text_of(message, "html") == letter.html
        attachments = list(message.iter_attachments())
        assert [one.get_filename() for one in attachments] == ["tickets.pdf", "Übung.ics"]
        assert [one.get_content_type() for one in attachments] == ["application/pdf", "text/calendar"]
        assert [one.get_payload(decode=True) for one in attachments] == [
            one.content for one in letter.attachments
        ]

    @pytest.mark.parametrize("name", ANY_NAMES)
    async def test_one_recipient_whatever_the_name(self, mailer: Mailer, arrived: Arrived, name: str) -> None:
        """By two parsers, one of which has no mercy with what is folded wrongly."""
        await mailer.send(replace(LETTER, to_name=name))
        [message] = await arrived()
        assert [one.addr_spec for one in message["To"].addresses] == ["ada@example.org"]
        [as_it_came] = [value for header, value in message.raw_items() if header == "To"]
        [(encoded, address)] = getaddresses([as_it_came])
        assert address == "ada@example.org"
        assert str(make_header(decode_header(encoded))) == " ".join(name.split())
        assert message.keys().count("To") == message.keys().count("From") == 1

    async def test_a_date_is_a_version_of_the_text(self, mailer: Mailer, arrived: Arrived) -> None:
        content = "BEGIN:VCALENDAR\r\nSUMMARY:Łódź\r\nEND:VCALENDAR\r\n".encode()
        date = CalendarDate(method="CANCEL", content=content)
        file = Attachment(filename="event.ics", media_type="text/calendar", content=content)
        await mailer.send(replace(LETTER, html="<p>See you</p>\n", date=date, attachments=(file,)))
        [message] = await arrived()
        versions, attached = message.iter_parts()
        assert versions.get_content_type() == "multipart/alternative"
        assert [one.get_content_type() for one in versions.iter_parts()] == [
            "text/plain",
            "text/html",
            "text/calendar",
        ]
        part = list(versions.iter_parts())[2]
        assert (part.get_param("method"), part.get_content_charset()) == ("CANCEL", "utf-8")
        assert attached.get_content_charset() == "utf-8"
        for one in (part, attached):
            assert one.get_payload(decode=True) == content

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ("anna@straße.de", "anna@xn--strae-oqa.de"),
            ("anna@strasse.de", "anna@strasse.de"),
            ("joerg@MÜNCHEN.de", "joerg@xn--mnchen-3ya.de"),
        ],
    )
    async def test_a_domain_is_told_as_browsers_read_it(
        self, mailer: Mailer, arrived: Arrived, typed: str, told: str
    ) -> None:
        await mailer.send(replace(LETTER, to_address=typed))
        [message] = await arrived()
        assert [one.addr_spec for one in message["To"].addresses] == [told]

    async def test_a_mailbox_in_another_script(self, mailer: Mailer, arrived: Arrived) -> None:
        await mailer.send(replace(LETTER, to_address="jörg@münchen.de"))
        [message] = await arrived()
        [header] = [value for header, value in message.raw_items() if header == "To"]
        told = header.encode(errors="surrogateescape").decode()
        assert told == "Ada Lovelace <jörg@xn--mnchen-3ya.de>"

    async def test_a_copy_is_recognisable(self, mailer: Mailer, arrived: Arrived) -> None:
        await mailer.send(LETTER)
        await mailer.send(LETTER)
        assert {message["Message-ID"] for message in await arrived()} == {"<let_0198c0ffee@example.net>"}

    async def test_nobody_adds_headers(self, mailer: Mailer, arrived: Arrived) -> None:
        await mailer.send(
            Email(
                id="let_1",
                to_name="Eve\r\nBcc: all@example.org",
                to_address="eve@example.org",
                subject="Hello\nBcc: all@example.org\u2028X-Evil: yes",
                text="Bcc: this is text\n",
            )
        )
        [message] = await arrived()
        assert "Bcc" not in message
        assert "X-Evil" not in message
        assert [one.addr_spec for one in message["To"].addresses] == ["eve@example.org"]

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "eve@example.org\nBcc: x@example.org",
            "eve@example.org, all@example.org",
            "<eve@example.org>",
            "ada@" + "x" * 100 + ".example",
            "a@b",
            "ada@[127.0.0.1]",
            "ada@127.0.0.1",
            "ada.@example.org",
            "a..da@example.org",
            "ada@example..org",
            "ada@example.org.",
        ],
    )
    async def test_what_is_no_address_is_refused(
        self, mailer: Mailer, arrived: Arrived, address: str
    ) -> None:
        with pytest.raises(DomainError):
            await mailer.send(
                Email(id="let_1", to_name="Ada", to_address=address, subject="Hello", text="Hello\n")
            )
        assert await arrived() == []
