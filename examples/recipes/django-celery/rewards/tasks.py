"""The tasks."""

from __future__ import annotations

import logging
import random

import requests
from celery import Task, shared_task

from rewards import tango
from tango_token import TangoError

logger = logging.getLogger(__name__)

# Redis delivers a task again that was not acknowledged for an hour (visibility_timeout), and one with a countdown is
# not acknowledged before its time: with a longer countdown a second worker would run it as well.
LONGEST_COUNTDOWN = 30 * 60


@shared_task(bind=True, max_retries=None)
def place_order(self: Task, order: dict[str, object]) -> str:
    """Places an order. Its reference is the shop's own, so that the API can recognise an order that comes twice."""
    try:
        response = tango.session().post(tango.url("orders"), json=order, timeout=60)
        if response.status_code >= 500:
            raise requests.ConnectionError(f"the API responded with {response.status_code}")
    except TangoError as error:
        if error.retry_after is None:
            raise  # it lasts until somebody changes something
        raise self.retry(exc=error, countdown=countdown(error.retry_after.total_seconds())) from error
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=countdown(2.0**self.request.retries), max_retries=10) from error
    response.raise_for_status()
    logger.info("placed %s", order["externalRefID"])
    return str(order["externalRefID"])


def countdown(seconds: float) -> float:
    """Returns a time that is not the same for all tasks, and that the queue can keep."""
    return min(seconds, LONGEST_COUNTDOWN) * random.uniform(1.0, 1.2)
