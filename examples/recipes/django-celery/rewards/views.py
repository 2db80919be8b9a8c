"""The views."""

from __future__ import annotations

import json
import logging
import math

import requests
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from rewards import tango
from rewards.tasks import place_order
from tango_token import TangoError

logger = logging.getLogger(__name__)


@require_GET
def accounts(_: HttpRequest) -> HttpResponse:
    try:
        response = tango.session().get(tango.url("accounts"), timeout=30)
    except TangoError as error:
        # The message says what to do and contains no secret, but it is for the operator, not for callers.
        logger.error("no token: %s", error)
        refusal = JsonResponse({"detail": "rewards are not available"}, status=503)
        if error.retry_after is not None:
            refusal["Retry-After"] = str(math.ceil(error.retry_after.total_seconds()))
        return refusal
    except requests.RequestException as error:
        logger.error("the API failed: %s", error)
        return JsonResponse({"detail": "rewards are not available"}, status=502)
    return HttpResponse(response.content, status=response.status_code, content_type="application/json")


@csrf_exempt  # a recipe without users: in a shop the caller has authenticated
@require_POST
def place(request: HttpRequest) -> HttpResponse:
    # Needs no token: the order waits in the queue, also while the daily limit lasts.
    task = place_order.delay(json.loads(request.body))
    return JsonResponse({"task": task.id}, status=202)


@require_GET
def health(_: HttpRequest) -> HttpResponse:
    # A probe runs every few seconds in each process: it neither asks for a token nor calls the API.
    return HttpResponse(status=204)
