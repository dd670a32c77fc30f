"""Is the server of this machine ready for queries?"""

import http.client
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
MOST_BYTES = 2_000


def readiness(address: str) -> tuple[bool, str]:
    """Whether `/readyz` answers 200, and what it said, or why it said nothing."""
    connection = http.client.HTTPConnection(
        urlsplit(address).netloc, timeout=TIMEOUT_S
    )  # no proxy: it is on this machine
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == http.client.OK, answer.read(MOST_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, str(error) or type(error).__name__
    finally:
        connection.close()
