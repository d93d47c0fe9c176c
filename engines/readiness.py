"""What a process of the platform says of itself."""

import http.client
import json
from collections.abc import Collection
from urllib.parse import urlsplit

ANSWER_SECONDS = 5.0


def complaint(url: str, *, without: Collection[str] = ()) -> str | None:
    """The reason why the process is not ready, or what it looks at and could do without for a while is not.

    None if all is well. `without` are those checks that need not be ready, by the names of `/readyz`.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks: dict[str, str] = json.loads(answer.read()).get("checks", {})
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    wrong = [
        f"{name}: {outcome}" for name, outcome in checks.items() if name not in without and outcome != "ready"
    ]
    if wrong or answer.status != 200:
        return "; ".join(wrong) or f"status {answer.status}"
    return None
