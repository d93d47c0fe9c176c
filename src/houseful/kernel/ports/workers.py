"""Worker processes."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Workers(Protocol):
    """Where work is done that would keep an event loop or its interpreter from everybody else: reading a
    large plan, drawing a document.
    """

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        """What `work(*arguments)` returns or raises. It is a function of a module, and everything that goes
        in or out can be pickled.

        Of one `whose` (a user's id, say) one piece of work is done at a time, in order. Raises
        `LimitReached` where `most` of theirs are not done yet, `Overloaded` where too many of everybody's
        are; and `Unavailable`
        where the outcome is not known. Whoever stops waiting for what has not begun takes it back.
        """
        ...

    async def close(self) -> None: ...
