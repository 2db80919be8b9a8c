"""Gets a token twice, the second time from memory, and prints the names of the headers of one API call.

The TANGO_* environment variables configure it.
"""

from __future__ import annotations

import os
import sys
import time

from tango_token import Client, QuotaRefused, TangoError


def main() -> int:
    client = Client.from_env()
    try:
        for number in (1, 2):
            start = time.perf_counter()
            token = client.acquire()
            elapsed_ms = (time.perf_counter() - start) * 1000
            print(
                f"{number}. {token.token_type} token for {token.scope}, "
                f"valid until {token.expires_at:%Y-%m-%d %H:%M %Z}, in {elapsed_ms:.4f} ms"
            )
        url = os.environ["TANGO_API_URL"] + "/accounts"
        print(f"headers of an API call: {', '.join(client.headers('GET', url))}")
    except QuotaRefused as error:
        print(f"the daily limit is reached; try again in {error.retry_after}", file=sys.stderr)
        return 1
    except TangoError as error:
        print(f"no token: {error} (status {error.status}, request id {error.request_id})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
