"""The metrics of a client, and their collector for prometheus_client."""

from __future__ import annotations

import math
import os
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from support.sandbox import Sandbox
from tango_token import Client, InvalidArgument, QuotaRefused
from tango_token.prometheus import Collector


def test_calls_are_counted_by_the_source_of_their_token(client: Client) -> None:
    assert client.stats()["tango.token.requests"] == 0
    for _ in range(5):
        client.acquire()
    stats = client.stats()
    assert stats["tango.token.requests"] == stats['tango_token_requests_total{outcome="issued"}'] == 1
    assert stats["tango.token.served{source=memory}"] == 4
    assert stats["tango.token.served{source=token_endpoint}"] == 1
    assert 86_300 < stats["tango_token_expires_in_seconds"] <= stats["tango.token.lifetime"]
    assert repr(stats) == "<Stats: 1 token requests, 5 tokens served>"


def test_unknown_name_is_a_key_error(client: Client) -> None:
    with pytest.raises(KeyError, match=r"tango\.unheard"):
        client.stats()["tango.unheard"]


def test_samples_describe_themselves(client: Client) -> None:
    client.acquire()
    samples = client.stats().samples
    assert all(sample.description.endswith(".") and sample.unit for sample in samples)
    issued = next(sample for sample in samples if sample.attributes == {"outcome": "issued"})
    assert (issued.name, issued.kind, issued.value) == ("tango.token.requests", "counter", 1)
    (duration,) = [sample for sample in samples if sample.kind == "histogram"]
    assert duration.prometheus_name == "tango_token_request_duration_seconds"
    bound, count = duration.buckets[-1]
    assert math.isinf(bound) and count == 1 and duration.value > 0


def test_refusal_of_the_quota_starts_the_cool_down(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox()
    Client(**sandbox.options).acquire()
    late = Client(**sandbox.options)
    for _ in range(2):
        with pytest.raises(QuotaRefused):
            late.acquire()
    stats = late.stats()
    assert stats["tango.token.requests{outcome=quota_refused}"] == 1
    assert stats["tango.token.errors{reason=cool_down}"] == 2
    assert stats["tango.token.cool_down"] > 3_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_child_begins_at_zero(client: Client) -> None:
    client.acquire()
    child = os.fork()
    if child == 0:
        client.acquire()
        stats = client.stats()
        is_right = (stats["tango.token.requests"], stats["tango.token.served"]) == (0, 1)
        os._exit(0 if is_right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.stats()["tango.token.served"] == 1


def test_collector_exports_every_sample(client: Client) -> None:
    client.acquire()
    registry = CollectorRegistry()
    registry.register(Collector(client))
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    requests = families["tango_token_requests"]
    assert requests.type == "counter" and requests.documentation.startswith("Token requests, by what became of them.")
    values = {sample.labels["outcome"]: sample.value for sample in requests.samples}
    assert values["issued"] == 1 and sum(values.values()) == 1
    duration = families["tango_token_request_duration_seconds"]
    assert duration.type == "histogram"
    assert {sample.name.rpartition("_")[2] for sample in duration.samples} == {"bucket", "count", "sum"}
    exported = {name for family in families.values() for name in (family.name, family.name + "_total")}
    assert {sample.prometheus_name for sample in client.stats().samples} <= exported


def test_collector_of_several_clients_labels_them(sandbox: Sandbox) -> None:
    clients = {name: Client(**sandbox.options) for name in ("payments", "rewards")}
    clients["rewards"].acquire()
    registry = CollectorRegistry()
    registry.register(Collector(clients))
    served = {
        name: registry.get_sample_value("tango_token_requests_total", {"client": name, "outcome": "issued"})
        for name in clients
    }
    assert served == {"payments": 0, "rewards": 1}


def test_collector_is_scraped_over_http(client: Client) -> None:
    registry = CollectorRegistry()
    registry.register(Collector(client))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        client.acquire()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as response:
            text = response.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert 'tango_token_requests_total{outcome="issued"} 1.0' in text
    assert client.acquire().value not in text


def test_collector_of_a_closed_client_raises(client: Client) -> None:
    client.close()
    with pytest.raises(InvalidArgument, match="closed"):
        list(Collector(client).collect())
