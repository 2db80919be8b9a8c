"""One job: gets a resource of the Tango API, and ends with a status of sysexits.h that tells whether waiting helps.

    job.py RESOURCE
"""

from __future__ import annotations

import logging
import os
import sys

import requests

from tango_token import Client, TangoError
from tango_token.requests import TangoAuth

logger = logging.getLogger("job")


def main(resource: str) -> int:
    session = requests.Session()
    try:
        # TANGO_CACHE names a directory, so this process finds the token of an earlier one.
        session.auth = TangoAuth(Client.from_env())
        # TANGO_CA_FILE is for the token endpoint alone; the sandbox's API needs the same file here.
        verify = os.environ.get("TANGO_CA_FILE", True)
        response = session.get(f"{os.environ['TANGO_API_URL']}/{resource}", verify=verify, timeout=30)
    except TangoError as error:
        logger.error("%s: %s", type(error).__name__, error)
        # Errors that last until somebody changes something have no time after which another attempt makes sense.
        return os.EX_CONFIG if error.retry_after is None else os.EX_TEMPFAIL
    except requests.RequestException as error:
        logger.error("the API cannot be reached: %s", error)
        return os.EX_TEMPFAIL
    if response.status_code >= 500:
        logger.error("the API responded with %d", response.status_code)
        return os.EX_TEMPFAIL
    if not response.ok:
        logger.error("the API refused: %d %s", response.status_code, response.text)
        return os.EX_SOFTWARE
    logger.info("%s: %d bytes", resource, len(response.content))
    return os.EX_OK


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    sys.exit(main(sys.argv[1]))
