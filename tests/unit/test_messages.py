"""What older installations may still have on their bus has to be understood for ever."""

from pathlib import Path

import msgspec
import pytest

from houseful.messages import MESSAGES, Message

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_name(kind: type[Message]) -> str:
    return kind.type().removeprefix("houseful.") + ".json"


def test_each_message_has_a_golden_file() -> None:
    missing = {golden_name(kind) for kind in MESSAGES.values()} - {file.name for file in GOLDEN.iterdir()}
    assert not missing, "write one as the first version of the message looks on the wire, and never change it"


@pytest.mark.parametrize("file", sorted(GOLDEN.iterdir()), ids=lambda file: file.stem)
def test_what_was_once_sent_is_still_understood(file: Path) -> None:
    """A golden file's message may not be removed, lose a field, or get one that has no default. What came in
    later has a sample of its own, `<type>-<what>.json`.
    """
    kind = MESSAGES[f"houseful.{file.stem.partition('-')[0]}"]
    content = file.read_bytes()
    message = msgspec.json.decode(content, type=kind)
    kept = msgspec.json.decode(msgspec.json.encode(message))
    for field, value in msgspec.json.decode(content).items():
        assert kept[field] == value
    assert message.key


@pytest.mark.parametrize("kind", MESSAGES.values())
def test_what_a_newer_version_adds_is_ignored(kind: type[Message]) -> None:
    content = msgspec.json.decode((GOLDEN / golden_name(kind)).read_bytes())
    msgspec.json.decode(msgspec.json.encode(content | {"added_later": {"deep": [1]}}), type=kind)


def test_no_two_services_send_about_the_same_kind_of_thing() -> None:
    """Inboxes are kept by (about, key): two senders would count into one sequence."""
    senders = {(kind.about, kind.sender) for kind in MESSAGES.values()}
    assert len(senders) == len({about for about, _ in senders})
