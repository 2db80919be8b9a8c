"""Exports the metrics of clients with prometheus_client: ``REGISTRY.register(Collector(client))``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector as _Collector

from tango_token import Client, Sample

__all__ = ["Collector"]


class Collector(_Collector):
    """Collects the metrics of one client, or of several, at each scrape.

    Args:
        clients: a client; or several by name, which becomes the label ``client``.

    A closed client raises ``InvalidArgument`` at the next scrape: unregister its collector first.

    In a server that forks workers, each worker has counts of its own. Serve the metrics from each worker, because
    prometheus_client's multiprocess mode does not run collectors.
    """

    def __init__(self, clients: Client | Mapping[str, Client]) -> None:
        self._clients = dict(clients) if isinstance(clients, Mapping) else {"": clients}
        self._label = ["client"] if isinstance(clients, Mapping) else []

    def describe(self) -> Iterable[Metric]:
        # Without it, registering would collect once to learn the names.
        return []

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for name, client in self._clients.items():
            labels = [name] if self._label else []
            for sample in client.stats().samples:
                family = families.get(sample.name) or self._family(sample)
                families[sample.name] = family
                _add(family, labels + list(sample.attributes.values()), sample)
        return families.values()

    def _family(self, sample: Sample) -> Metric:
        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
        labels = self._label + [name.replace(".", "_") for name in sample.attributes]
        family: Metric = kinds[sample.kind](sample.prometheus_name, sample.description, labels=labels)
        return family


def _add(family: Metric, labels: list[str], sample: Sample) -> None:
    if isinstance(family, HistogramMetricFamily):
        buckets = [("+Inf" if bound == float("inf") else str(bound), float(count)) for bound, count in sample.buckets]
        family.add_metric(labels, buckets, sum_value=sample.value)
    elif isinstance(family, (CounterMetricFamily, GaugeMetricFamily)):
        family.add_metric(labels, sample.value)
