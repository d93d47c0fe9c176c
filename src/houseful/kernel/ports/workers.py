"""Worker processes."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Workers(Protocol):
    """Runs functions that would block an event loop or its interpreter, such as parsing a large plan or
    drawing a document.
    """

    async def run(self, work: Callable[..., T], *arguments: Any, whose: str, most: int = 16) -> T:
        """Run `work(*arguments)` and return its result, or raise its error.

        `work` is a function of a module. Arguments and results can be pickled. Work of one `whose` (a user's
        id, say) runs one at a time, in order. Raises `LimitReached` where `most` of that user's are
        unfinished, `Overloaded` where too many are unfinished altogether, and `Unavailable` where the outcome
        is unknown. Cancelling the caller takes back work that has not begun.
        """
        ...

    async def close(self) -> None: ...
