"""Every Prometheus series, and `observe`, the one place that records a result.

Measurements travel inside the results, so workers keep no registries of their own; what is in Redis (depth, age,
workers) is read at scrape time. Labels come from closed lists only: no text of a caller ever becomes a label.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.chunk import ItemResult
from app.queue import QueueState

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_REWARDS = (-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0)

_REASONS = {
    "exited": "finished",
    "signalled": "runtime_error",
    **{name: name for name in ("time_limit", "memory_limit", "output_limit")},
}
"""How a program ended that was only run, as a label."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _QueueGauges(Collector):
    """What the last look at the store showed; `Metrics.render` takes that look."""

    def __init__(self) -> None:
        self.states: dict[str, QueueState] = {}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("touchstone_queue_depth", "Items waiting.", labels=["queue"])
        age = GaugeMetricFamily(
            "touchstone_oldest_item_age_seconds", "Age of what has waited longest.", labels=["queue"]
        )
        workers = GaugeMetricFamily("touchstone_workers", "Workers that gave a sign of life.", labels=["queue"])
        for name, state in self.states.items():
            depth.add_metric([name], state.depth)
            age.add_metric([name], state.oldest_s)
            workers.add_metric([name], state.workers)
        return [depth, age, workers]


class Metrics:
    """The series of one API process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._items = Counter(
            "touchstone_items_total", "Items answered.", ["kind", "status", "outcome"], registry=registry
        )
        self._grade = Histogram(
            "touchstone_grade_seconds", "Time an item was being graded.", ["kind"], buckets=_SECONDS, registry=registry
        )
        self._wait = Histogram(
            "touchstone_queue_wait_seconds",
            "Time an item waited for a worker.",
            ["queue"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._reward = Histogram(
            "touchstone_reward",
            "Scores given, before weights.",
            ["component"],
            buckets=_REWARDS,
            registry=registry,
        )
        self._runs = Counter(
            "touchstone_sandbox_runs_total", "Tests run in the sandbox.", ["language", "reason"], registry=registry
        )
        self._run_seconds = Histogram(
            "touchstone_sandbox_seconds",
            "Processor time of a test in the sandbox.",
            ["language"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._cache = Counter(
            "touchstone_cache_requests_total", "Look-ups in the verdict cache.", ["result"], registry=registry
        )
        self._judge_requests = Counter(
            "touchstone_judge_requests_total", "Requests to judges.", ["result"], registry=registry
        )
        self._judge_seconds = Histogram(
            "touchstone_judge_seconds",
            "Time a judge took to answer a request, whatever it answered.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._faults = Counter("touchstone_faults_total", "Items that ended as error.", ["code"], registry=registry)
        self._http = Histogram(
            "touchstone_http_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            ["route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._series: dict[tuple[Any, tuple[str, ...]], Any] = {}
        self._queues = _QueueGauges()
        registry.register(self._queues)

    def _of(self, metric: Any, *labels: str) -> Any:
        """A metric's series; the client's own look-up takes a lock and makes texts of what are texts."""
        found = self._series.get((metric, labels))
        if found is None:
            found = self._series[metric, labels] = metric.labels(*labels)
        return found

    def observe(self, kind: str, queue: str, result: ItemResult) -> None:
        """Record one item's result."""
        verdict = result.verdict or {}
        self._of(self._items, kind, result.status, verdict.get("outcome", "none")).inc()
        if not result.cached:
            self._observe_judge(result)
        if result.status == "error":
            self._faults.labels(result.fault.code if result.fault else "grader").inc()
            return
        if result.cached:
            return  # Counted as answered; what it took to find out was counted when it was found.
        self._of(self._grade, kind).observe(result.grade_s)
        self._of(self._wait, queue).observe(result.queue_s)
        for name, score in result.scores.items():
            if score is not None:
                self._of(self._reward, name).observe(score)
        language = verdict.get("language") or "none"
        for test in verdict.get("tests", {}).get("results", ()):
            if test["outcome"] != "skipped":
                self._of(self._runs, language, test["outcome"]).inc()
                self._of(self._run_seconds, language).observe(test["time_s"])

        if result.run is not None:
            self._observe_run(result.run)

    def observe_known(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """Record the results of a request that was answered before, by kind, status and outcome."""
        for labels, count in counts.items():
            self._of(self._items, *labels).inc(count)
        self._of(self._cache, "hit").inc(sum(counts.values()))

    def _observe_judge(self, result: ItemResult) -> None:
        for what, seconds in (result.judge or {}).get("calls", ()):
            self._judge_requests.labels(what).inc()
            if what != "refused":  # Nobody was asked.
                self._judge_seconds.observe(seconds)

    def _observe_run(self, run: Mapping[str, Any]) -> None:
        ran = run["ran"]
        reason = "compile_error" if ran is None else _REASONS[ran["ended"]]
        if reason == "finished" and ran["exit_code"] != 0:
            reason = "runtime_error"
        self._runs.labels(run["language"], reason).inc()
        if ran is not None:
            self._run_seconds.labels(run["language"]).observe(ran["cpu_s"])

    def observe_cache(self, found: str) -> None:
        """Record one look-up: "hit", "shared" (an equal item is under way) or "miss"."""
        self._of(self._cache, found).inc()

    def observe_http(self, route: str, status: int, seconds: float) -> None:
        """Record one request; `route` is a path template, never a path."""
        self._of(self._http, route, str(status)).observe(seconds)

    def render(self, states: dict[str, QueueState]) -> bytes:
        """The series as text for a scrape; `states` may be empty when the store is away."""
        self._queues.states = states
        text: Any = generate_latest(self.registry)
        return bytes(text)
