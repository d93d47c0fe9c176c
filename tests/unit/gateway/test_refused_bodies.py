"""A service refuses a request by its head, and answers while the body is still on its way."""

import asyncio
import sys

from houseful.adapters.http.proxy import ServiceProxy
from houseful.kernel.clock import ManualClock
from tests.support.patience import PATIENCE_SECONDS
from tests.unit.gateway.upstreams import Client

BODY_BYTES = 8 * 1024 * 1024  # more than the sockets of both ends buffer
PART_BYTES = 64 * 1024


async def test_the_refusal_reaches_the_client_and_is_no_failure_of_the_instance() -> None:
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.unit.gateway.refusing_process", stdout=asyncio.subprocess.PIPE
    )
    assert service.stdout is not None
    port = int(await asyncio.wait_for(service.stdout.readline(), PATIENCE_SECONDS))
    proxy = ServiceProxy("things", [f"http://127.0.0.1:{port}"], clock=ManualClock())
    try:
        for _ in range(5):
            client = Client("POST", "/api/things", {"content-length": str(BODY_BYTES)}, body=None)
            for end in range(PART_BYTES, BODY_BYTES + 1, PART_BYTES):
                client.upload(b" " * PART_BYTES, more=end < BODY_BYTES)
            await client.asks(proxy)
            assert client.status == 413
            assert client.json["code"] == "body_too_large"
        await proxy.ready()
    finally:
        await proxy.close()
        service.terminate()
        await service.wait()
