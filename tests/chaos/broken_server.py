"""The negative control: Houseful with guards taken out. A check that stays green on this proves nothing.

    CHAOS_WITHOUT=seats,bus python -m tests.chaos.broken_server up --data DIR …

It takes the commands of `houseful`. Without the guard of the seats whoever asks gets them; without that of
the bus a message counts as published although Kafka has not taken it. Without fresh reads a hold is refused
by what the process knew of a seat a moment ago.
"""

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from houseful.cli import root
from houseful.kernel.documents import Index, Millis
from houseful.kernel.errors import Unavailable
from houseful.kernel.ports import Envelope
from houseful.tickets.domain import blocks
from houseful.tickets.domain.blocks import Block, Claim, SeatsTaken, SeatState
from houseful.tickets.domain.tickets import Ticket

STALE_SECONDS = 3.0


def _hold(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis, now: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.HELD, hold_id, until))


def _extend(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.HELD, hold_id, until))


def _sell(block: Block, ordinals: Iterable[int], hold_id: str, order_id: str, now: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.SOLD, order_id))


def _claimed(block: Block, ordinals: Iterable[int], claim: Claim) -> Block:
    return blocks._with(block, {ordinal - block.first: claim for ordinal in ordinals})


def sell_to_everybody() -> None:
    """Both guards: that of the seats, and the unique index of living tickets behind it."""
    blocks.hold, blocks.extend, blocks.sell = _hold, _extend, _sell
    setattr(Ticket, "indexes", tuple(Index(index.fields) for index in Ticket.indexes))  # noqa: B010


def forget_what_fails() -> None:
    from houseful.adapters.kafka.bus import KafkaBus

    publish = KafkaBus.publish

    async def publish_or_not(self: KafkaBus, topic: str, envelopes: Sequence[Envelope]) -> None:
        with suppress(Unavailable):
            await publish(self, topic, envelopes)

    setattr(KafkaBus, "publish", publish_or_not)  # noqa: B010


def refuse_by_stale_reads() -> None:
    held, known = blocks.hold, dict[tuple[str, int], float]()

    def hold(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis, now: Millis) -> Block:
        wanted = list(ordinals)
        stale = [one for one in wanted if known.get((block.id, one), 0) > time.monotonic() - STALE_SECONDS]
        if stale:
            raise SeatsTaken(dict.fromkeys(stale, Claim(SeatState.HELD, "hold_stale", until)))
        result = held(block, wanted, hold_id, until, now)
        known.update(((block.id, one), time.monotonic()) for one in wanted)
        return result

    blocks.hold = hold


GUARDS = {"seats": sell_to_everybody, "bus": forget_what_fails, "reads": refuse_by_stale_reads}

if __name__ == "__main__":
    for guard in os.environ.get("CHAOS_WITHOUT", "seats").split(","):
        GUARDS[guard]()
    root.main()
