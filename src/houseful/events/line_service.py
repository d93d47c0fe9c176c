"""Whether the installation has a line service: asked before an event with a line is published."""

from houseful.kernel.errors import StateConflict, Unavailable
from houseful.kernel.ports import ServiceClient
from houseful.webapi.line_passes import EVENTS_PATH


async def check_runs(client: ServiceClient) -> None:
    """Raises `StateConflict` where there is none, `Unavailable` where that can't be told now."""
    answer = await client.request("GET", EVENTS_PATH)
    if answer.status == 404:
        raise StateConflict(
            "no_line_service",
            "This installation has no line service, so an event with a line could never be sold. Its "
            "operator starts one and names it to the gateway in HOUSEFUL_LINE_URL; else set line to off.",
        )
    if answer.status != 200:
        raise Unavailable(f"whether the line service is there can't be told: {answer.status}")
