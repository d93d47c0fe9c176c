"""What a process of the platform says of itself."""

import http.client
import json
from collections.abc import Collection
from urllib.parse import urlsplit

ANSWER_SECONDS = 5.0


def is_well(url: str, *, without: Collection[str] = ()) -> bool:
    """Whether it is ready, and so is all that it looks at but could do without for a while. `without` are
    those of them that need not be, by the names of `/readyz`."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks: dict[str, str] = json.loads(answer.read()).get("checks", {})
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    outcomes = {outcome for name, outcome in checks.items() if name not in without}
    return answer.status == 200 and outcomes <= {"ready"}
