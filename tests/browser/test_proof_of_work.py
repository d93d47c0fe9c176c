"""Whoever is asked for work before registering does not notice more than a moment."""

from pathlib import Path

import pytest

from houseful.adapters.http.server import listen
from houseful.adapters.processes.pool import InlineWorkers
from houseful.app import running
from houseful.settings import load_settings
from houseful.webapi.proof_of_work import REGISTRATION
from houseful.webapi.routes import Rate
from tests.browser.conftest import Visit
from tests.support.deployment import PASSWORD
from tests.system.serving import Servers, url_of

pytestmark = pytest.mark.browser

ADDRESS = "203.0.113.7"


async def test_a_phone_in_a_crowd_registers(
    visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded = REGISTRATION._replace(steps=(Rate(per_second=1e-9, burst=1),))
    monkeypatch.setattr("houseful.users.service.REGISTRATION", crowded)
    listener = listen("127.0.0.1", 0)
    url = url_of(listener)
    settings = load_settings({}, data=str(tmp_path), rate_limits="on", proxies=1, public_url=url)
    async with running(settings, workers=InlineWorkers(), access_log=False) as app:
        servers = Servers()
        await servers.add(app.entry, listener)
        try:
            await app.coordination.take(f"work:register:0:{ADDRESS}", per_second=1e-9, burst=1)
            visitor = await visit(url)
            await visitor.context.set_extra_http_headers({"x-forwarded-for": ADDRESS})
            page = await visitor.tab("/sign-up")
            answers: list[int] = []
            page.on(
                "response",
                lambda answer: answers.append(answer.status) if answer.url.endswith("/register") else None,
            )
            await page.get_by_test_id("sign-up-name").fill("Bea Brandt")
            await page.get_by_test_id("sign-up-email").fill("bea@example.org")
            await page.get_by_test_id("sign-up-password").fill(PASSWORD)
            await page.get_by_test_id("sign-up-submit").click()
            await page.wait_for_url(url + "/account")
            assert answers == [403, 201]
        finally:
            await servers.close()
