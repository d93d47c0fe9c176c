"""Loaded by Schemathesis: what a busy installation puts off is asked again, as every client does.

503 is an answer that the document names, and no fault. One that stays is reported.
"""

import time
from typing import Any

import requests

MOST = 60

_send = requests.Session.send


def send(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
    for _ in range(MOST):
        response = _send(session, request, **options)
        if response.status_code != requests.codes.service_unavailable:
            break
        time.sleep(float(response.headers.get("retry-after", 1)))
    return response


requests.Session.send = send  # type: ignore[assignment, method-assign]
