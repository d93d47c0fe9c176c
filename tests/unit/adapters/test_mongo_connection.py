import asyncio
import gc
from typing import Any

import pytest

from houseful.adapters.mongodb.connection import connect, shielded
from houseful.kernel.errors import Unavailable


async def test_what_goes_wrong_after_the_caller_has_left_is_no_bug() -> None:
    """Somebody who asks whether the store is ready gives up after a moment, and the server says so later."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    began, go_on, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await go_on.wait()
        over.set()
        raise Unavailable("there is no primary")

    caller = asyncio.create_task(shielded(work()))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await over.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert complaints == []


async def test_a_caller_that_stays_hears_of_it() -> None:
    async def work() -> None:
        raise Unavailable("there is no primary")

    with pytest.raises(Unavailable, match="no primary"):
        await shielded(work())


@pytest.mark.parametrize(("options", "name"), [("", "houseful"), ("/?appName=mine", "mine")])
async def test_the_name_of_the_application_is_the_urls_choice(options: str, name: str) -> None:
    async with connect(f"mongodb://127.0.0.1:1{options}") as client:
        assert client.options.pool_options.appname == name
