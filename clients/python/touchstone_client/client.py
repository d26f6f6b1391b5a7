"""The blocking client.

    with Client("http://127.0.0.1:8000") as touchstone:
        graded = touchstone.grade([{"completion": r"\\boxed{3/4}", "task": {"kind": "math", "answer": "0.75"}}])
        print(graded.rewards)

One client may be used from several threads. What it decides is in grade.py, retry.py and jobs.py; here is what it does.
"""

import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx

from touchstone_client.grade import Batch, Item, OnRefused, batch_options, grading
from touchstone_client.jobs import (
    LOOK_MARGIN_S,
    LOOK_S,
    PAUSE_S,
    QUIET_S,
    Reader,
    Spool,
    in_order,
    parameters,
    with_rewards,
)
from touchstone_client.results import Graded, JobState, Result, component_names, job_of
from touchstone_client.retry import Reply, Send, Step, Wait, insist, json_of, refusal
from touchstone_client.select import Choice, selecting
from touchstone_client.select import in_order as groups_in_order
from touchstone_client.settings import Settings

T = TypeVar("T")


class Client:
    """Speaks to one service.

    Args:
        url, key: as in Settings, which has the other choices too.
        settings: all choices together; not with `url` or `key`.
        http: an httpx client of the caller's own (proxies, certificates); it is not closed here.
    """

    def __init__(
        self,
        url: str = "",
        key: str | None = None,
        *,
        settings: Settings | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        if settings is not None and (url or key):
            raise ValueError("give url and key in the settings, or no settings")
        self.settings = settings or Settings(url, key)
        self._own = http is None
        self._http = http or httpx.Client(timeout=httpx.Timeout(10.0, pool=None))

    def grade(
        self,
        items: Sequence[Item],
        *,
        profile: str | None = None,
        rewards: Sequence[Mapping[str, Any]] | None = None,
        deadline_s: float | None = None,
        explain: bool = False,
        group: bool | Sequence[str] = False,
        on_refused: OnRefused = "raise",
    ) -> Graded:
        """Grade a batch of any size.

        Args:
            items: as POST /v1/grade has them; groups travel together.
            profile, rewards, deadline_s, explain: as there; the deadline is for each request.
            group: add statistics of each prompt's group to its results, all of them or those named.
            on_refused: what becomes of an item that does not fit the schema or is too large.

        Returns: one result per item, in order.
        Raises: Refused, Unavailable, BadAnswer.
        """
        options = batch_options(profile, rewards, deadline_s, explain, group)
        batch = Batch(items, self.settings.ask(options, on_refused))
        found: dict[int, Result] = {}
        version = ""
        for positions in batch.plan():
            part, version = self._run(grading(batch, positions))
            found |= part
        return batch.graded(found, version)

    def select(
        self,
        items: Sequence[Item],
        *,
        method: str = "reject",
        filters: Sequence[Mapping[str, Any]] | None = None,
        keep: int | None = None,
        by: str | None = None,
        profile: str | None = None,
        rewards: Sequence[Mapping[str, Any]] | None = None,
        deadline_s: float | None = None,
    ) -> list[Choice]:
        """Choose from each group's completions: the correct ones, the best, or those that most others agree with.

        Args: as POST /v1/select has them.
        Returns: one choice per group, in the order of their first items.
        Raises: Refused, Unavailable, BadAnswer.
        """
        options = batch_options(profile, rewards, deadline_s)
        options |= {"method": method, "filters": filters, "keep": keep, "by": by}
        batch = Batch(items, self.settings.ask(options, "raise"))
        found: list[Choice] = []
        for positions in batch.plan():
            found += self._run(selecting(batch, positions))
        return groups_in_order(found)

    def submit(
        self,
        items: Iterable[Item],
        *,
        profile: str | None = None,
        rewards: Sequence[Mapping[str, Any]] | None = None,
        deadline_s: float | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
    ) -> "Job":
        """Hand over a job; once this returns it survives the death of any process, the caller's included.

        Args:
            items: any number, read once.
            idempotency_key: the same key and items again give the same job; unset, one is made for this call, so that
                a sending that is repeated here makes no second job.

        Raises: Refused, Unavailable, BadAnswer; ValueError without items.
        """
        headers = {"Content-Type": "application/jsonl", "Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        query = parameters({"profile": profile, "deadline_s": deadline_s, "explain": explain})
        with Spool(with_rewards(items, rewards)) as spool:
            request = Send("POST", "/v1/jobs", spool.pieces, query, headers, self.settings.answer_s)
            answer = json_of(self._run(insist(request, self.settings.patience)))
        return Job(self, job_of(answer))

    def job(self, job_id: str) -> "Job":
        """A job that was handed over earlier.

        Raises: Refused (404) if it is not known any more, Unavailable, BadAnswer.
        """
        return Job(self, job_of(self._get(f"/v1/jobs/{job_id}")))

    def components(self, profile: str | None = None) -> list[str]:
        """The names of a recipe's components, in its order; of the service's default recipe without a name.

        Raises: Refused (404) if there is none of this name, Unavailable, BadAnswer.
        """
        return component_names(self._get("/v1/profiles"), profile)

    def version(self) -> dict[str, str]:
        """Release and grader version of the service."""
        answer = self._get("/version")
        return {str(name): str(value) for name, value in dict(answer).items()}

    def close(self) -> None:
        """Give the connections back; a caller's own httpx client stays open."""
        if self._own:
            self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get(self, path: str, params: Mapping[str, Any] | None = None, read_s: float = 60.0) -> Any:
        return json_of(self._run(insist(Send("GET", path, None, params, None, read_s), self.settings.patience)))

    def _delete(self, path: str) -> Any:
        return json_of(self._run(insist(Send("DELETE", path), self.settings.patience)))

    def _run(self, flow: Generator[Step, Reply, T]) -> T:
        reply: Reply = None
        try:
            while True:
                step = flow.send(reply)
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    reply = None
                    continue
                try:
                    reply = self._http.send(self._request(step))
                except httpx.TransportError as error:
                    reply = error
        except StopIteration as done:
            value: T = done.value
            return value

    def _request(self, step: Send) -> httpx.Request:
        return self._http.build_request(
            step.method,
            self.settings.url + step.path,
            content=step.content() if step.content is not None else None,
            params=step.params,
            headers={**self.settings.headers, **(step.headers or {})},
            timeout=httpx.Timeout(self.settings.connect_s, read=step.read_s or 60.0, write=60.0, pool=None),
        )

    def _lines(self, path: str, after: int) -> Iterator[str]:
        """Lines of a stream, until it ends or breaks off.

        Raises: Refused, if it does not begin.
        """
        request = self._request(Send("GET", path, None, {"after": after}, None, QUIET_S))
        with suppress(httpx.TransportError):
            response = self._http.send(request, stream=True)
            try:
                if response.status_code >= 500:
                    return
                if response.status_code >= 400:
                    response.read()
                    raise refusal(response)
                yield from (line for line in response.iter_lines() if line)
            finally:
                response.close()


class Job:
    """A job at the service; `state` is the last look at it."""

    def __init__(self, client: Client, state: JobState) -> None:
        self._client = client
        self.state = state

    @property
    def id(self) -> str:
        """Its name, by which `Client.job` finds it again."""
        return self.state.id

    def look(self, wait_s: float = 0.0) -> JobState:
        """Its state now, or as soon as it has ended within that many seconds."""
        params = {"wait_s": wait_s} if wait_s > 0 else None
        self.state = job_of(self._client._get(f"/v1/jobs/{self.id}", params, wait_s + LOOK_MARGIN_S))
        return self.state

    def wait(self, timeout_s: float | None = None) -> JobState:
        """Until it has ended.

        Raises: TimeoutError, after that many seconds; the job goes on.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.state.ended:
            left = LOOK_S if until is None else until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {self.id} is {self.state.state} after {timeout_s:g} s")
            self.look(min(LOOK_S, left))
        return self.state

    def results(self, after: int = 0) -> Iterator[Result]:
        """Each result once, as they are found, until the job has ended; a stream that breaks off is taken up again.

        Args:
            after: how many to leave out, which an earlier reader has seen.

        Raises: Refused (404) when they are no longer kept, Unavailable, BadAnswer.
        """
        reader = Reader(after, self._client.settings.patience.total_s)
        while True:
            for line in self._client._lines(f"/v1/jobs/{self.id}/results", reader.after):
                if (result := reader.read(line)) is not None:
                    yield result
            if reader.complete(self.look()):
                return
            time.sleep(PAUSE_S)

    def graded(self) -> Graded:
        """All results in the order of the items, when the job has ended.

        Raises: BadAnswer if it ended before every item had one (it was cancelled).
        """
        return in_order(list(self.results()), self.state)

    def cancel(self) -> JobState:
        """End it; what was found stays readable."""
        self.state = job_of(self._client._delete(f"/v1/jobs/{self.id}"))
        return self.state
