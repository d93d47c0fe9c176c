"""The negative control: Houseful with the guard of its seats taken out, so that whoever asks gets them.

    python -m tests.chaos.broken_server up --data DIR …

It takes the commands of `houseful`. A check that stays green on this proves nothing.
"""

from collections.abc import Iterable

from houseful.cli import root
from houseful.common.documents import Index, Millis
from houseful.tickets.domain import blocks
from houseful.tickets.domain.blocks import Block, Claim, SeatState
from houseful.tickets.domain.tickets import Ticket


def _hold(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis, now: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.HELD, hold_id, until))


def _extend(block: Block, ordinals: Iterable[int], hold_id: str, until: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.HELD, hold_id, until))


def _sell(block: Block, ordinals: Iterable[int], hold_id: str, order_id: str, now: Millis) -> Block:
    return _claimed(block, ordinals, Claim(SeatState.SOLD, order_id))


def _claimed(block: Block, ordinals: Iterable[int], claim: Claim) -> Block:
    return blocks._with(block, {ordinal - block.first: claim for ordinal in ordinals})


def take_out_the_guards() -> None:
    """Both: that of the seats, and the unique index of living tickets behind it."""
    blocks.hold, blocks.extend, blocks.sell = _hold, _extend, _sell
    setattr(Ticket, "indexes", tuple(Index(index.fields) for index in Ticket.indexes))  # noqa: B010


if __name__ == "__main__":
    take_out_the_guards()
    root.main()
