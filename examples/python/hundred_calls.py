"""Makes a hundred API calls at once with asyncio and httpx, which need one token request.

The TANGO_* environment variables configure it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import Counter

import httpx

from tango_token import Client
from tango_token.httpx import TangoAuth


async def main() -> None:
    url = os.environ["TANGO_API_URL"] + "/accounts"
    # TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
    context = ssl.create_default_context(cafile=os.environ.get("TANGO_CA_FILE"))
    async with Client.from_env() as client, httpx.AsyncClient(auth=TangoAuth(client), verify=context) as api:
        responses = await asyncio.gather(*(api.get(url) for _ in range(100)))
    for status, count in Counter(response.status_code for response in responses).items():
        print(f"{count} responses with status {status}")


if __name__ == "__main__":
    asyncio.run(main())
