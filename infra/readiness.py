"""Is the server of this machine ready for queries?"""

import http.client
import ssl
from urllib.parse import urlsplit

TIMEOUT_S = 2.0
MOST_BYTES = 2_000


def readiness(address: str) -> tuple[bool, str]:
    """Whether `/readyz` answers 200, and what it said, or why it said nothing."""
    connection = _connection(address)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == http.client.OK, answer.read(MOST_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return False, str(error) or type(error).__name__
    finally:
        connection.close()


def _connection(address: str) -> http.client.HTTPConnection:
    """No proxy, and no look at the certificate, which names another host: it is on this machine."""
    url = urlsplit(address)
    if url.scheme != "https":
        return http.client.HTTPConnection(url.netloc, timeout=TIMEOUT_S)
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(url.netloc, timeout=TIMEOUT_S, context=any_certificate)
