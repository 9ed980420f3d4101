"""What the server counts, in Prometheus' text format (exposition format 0.0.4). No process-wide registry is touched."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PHOTOS = (1, 2, 4, 8, 16, 32, 64)
DISPLAYED = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("tgvig_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "tgvig_request_seconds", "From a request to its answer", ["path"], buckets=SECONDS, registry=registry
        )
        self.verdicts = Counter("tgvig_verdicts", "Photos inspected", ["verdict"], registry=registry)
        self.display = Histogram(
            "tgvig_display_score", "Scores from 0 to 1; 0.5 is the threshold", buckets=DISPLAYED, registry=registry
        )
        self.batch = Histogram("tgvig_batch_photos", "Photos scored in one call", buckets=PHOTOS, registry=registry)
        self.scoring = Histogram("tgvig_scoring_seconds", "Time of one such call", buckets=SECONDS, registry=registry)
        self._waiting = Gauge("tgvig_waiting_photos", "Photos that wait to be scored", registry=registry)
        self._taken = Gauge("tgvig_places_taken", "Inspections taken in and not yet answered", registry=registry)
        self.places = Gauge("tgvig_places", "The most inspections taken in at once", registry=registry)
        self.ready = Gauge("tgvig_ready", "1 when the model is loaded and has scored a picture", registry=registry)

    def watch(self, waiting: Callable[[], int], taken: Callable[[], int]) -> None:
        """Ask for these two numbers whenever the metrics are read."""
        self._waiting.set_function(waiting)
        self._taken.set_function(taken)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
