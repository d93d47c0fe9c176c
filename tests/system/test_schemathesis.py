"""Requests that Schemathesis makes of the API document, by somebody of each role: no server error, and every
answer as the document says it.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.system.fixtures import SPLIT, OpenInstallation
from tests.system.harness import Harness, event_body
from tests.system.installations import OwnInstallation
from tests.system.outside_client import Client
from tests.unit.test_openapi_document import FILE

UV = Path(__file__).parents[2] / ".uv" / "bin" / "uv"
CONFIG = Path(__file__).parent / "schemathesis.toml"
HOOKS = Path(__file__).parent / "schemathesis_hooks.py"
PROGRAM = "schemathesis==4.32.5"
EXAMPLES = 5
LONG_EXAMPLES = 100
"""Of an operation, beside those that cover its schema."""


EVERY_PHASE = "examples,coverage,fuzzing,stateful"
"""What covers each operation's schema, what is random, and what follows links between operations."""


def asked(
    client: Client, url: str, identifiers: dict[str, str], examples: int, phases: str, folder: Path
) -> None:
    signed_in = ["--header", f"Authorization: Bearer {client.access_token}"] if client.access_token else []
    done = subprocess.run(
        [
            str(UV), "tool", "run", "--from", PROGRAM, "st", "--no-color", "--config-file", str(CONFIG),
            "run", str(FILE), "--url", url.split(",")[0], "--max-examples", str(examples), "--phases", phases,
            "--warnings", "off", *signed_in,
        ],
        cwd=folder, env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)} | identifiers,
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def identifiers_of(harness: Harness, buyer: Client) -> dict[str, str]:
    """What there is to ask about."""
    event_id = harness.organizer.publish(event_body())["id"]
    order = buyer.buy(event_id, best_available={"quantity": 1})
    return {
        "EVENT_ID": event_id,
        "SECTION_ID": buyer.items(f"/api/events/{event_id}/sections")[0]["id"],
        "HOLD_ID": buyer.hold(event_id, best_available={"quantity": 1}).ok(201)["hold_id"],
        "ORDER_ID": order["id"],
        "TICKET_ID": buyer.tickets(order["id"])[0]["id"],
        "INTENT_ID": order["payment"]["intent_id"],
    }


def by(
    roles: Sequence[str],
    installation: OwnInstallation,
    folder: Path,
    *,
    examples: int,
    phases: str = EVERY_PHASE,
) -> None:
    harness = Harness(installation)
    clients = {
        "nobody": harness.client(),
        "buyer": harness.buyer(),
        "gate": harness.gate,
        "organizer": harness.organizer,
        "admin": harness.admin,
    }
    identifiers = identifiers_of(harness, clients["buyer"])
    for role in roles:
        asked(clients[role], installation.url, identifiers, examples, phases, folder)
    checked = installation.houseful("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    harness.close()


@pytest.mark.timeout(1200)
def test_every_answer_is_as_the_document_says(
    topology: str, open_installation: OpenInstallation, tmp_path: Path
) -> None:
    """To who may do the most: of what others are refused there is less to see. Separate processes, whose
    services are the same, are asked without what covers each schema."""
    phases = "fuzzing" if topology == SPLIT else EVERY_PHASE
    by(["admin"], open_installation(rate_limits="off"), tmp_path, examples=EXAMPLES, phases=phases)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_so_is_every_answer_of_many(open_installation: OpenInstallation, tmp_path: Path) -> None:
    roles = ["nobody", "buyer", "gate", "organizer", "admin"]
    by(roles, open_installation(rate_limits="off"), tmp_path, examples=LONG_EXAMPLES)
