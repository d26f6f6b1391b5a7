"""The asynchronous client: as client.py, with several requests of one batch under way at once.

    async with AsyncClient("http://127.0.0.1:8000") as touchstone:
        graded = await touchstone.grade(items, profile="r1-zero")

A client belongs to the event loop that it was first used in.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
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


class AsyncClient:
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
        http: httpx.AsyncClient | None = None,
    ) -> None:
        if settings is not None and (url or key):
            raise ValueError("give url and key in the settings, or no settings")
        self.settings = settings or Settings(url, key)
        self._own = http is None
        # No bound of connections here: the callers' own concurrency is one, and a bound below it would only be a queue
        # that nobody sees.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        self._http = http or httpx.AsyncClient(timeout=httpx.Timeout(10.0, pool=None), limits=limits)

    async def grade(
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
        """Grade a batch of any size; the arguments are those of `Client.grade`.

        Returns: one result per item, in order.
        Raises: Refused, Unavailable, BadAnswer.
        """
        options = batch_options(profile, rewards, deadline_s, explain, group)
        batch = Batch(items, self.settings.ask(options, on_refused))
        gate = asyncio.Semaphore(self.settings.concurrency)

        async def one(positions: list[int]) -> tuple[dict[int, Result], str]:
            async with gate:
                return await self._run(grading(batch, positions))

        tasks = [asyncio.ensure_future(one(positions)) for positions in batch.plan()]
        try:
            parts = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        found = {position: result for part, _ in parts for position, result in part.items()}
        return batch.graded(found, parts[-1][1] if parts else "")

    async def select(
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
            found += await self._run(selecting(batch, positions))
        return groups_in_order(found)

    async def submit(
        self,
        items: Iterable[Item],
        *,
        profile: str | None = None,
        rewards: Sequence[Mapping[str, Any]] | None = None,
        deadline_s: float | None = None,
        explain: bool = False,
        idempotency_key: str | None = None,
    ) -> "AsyncJob":
        """Hand over a job; the arguments are those of `Client.submit`.

        Raises: Refused, Unavailable, BadAnswer; ValueError without items.
        """
        headers = {"Content-Type": "application/jsonl", "Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        query = parameters({"profile": profile, "deadline_s": deadline_s, "explain": explain})
        with await asyncio.to_thread(Spool, with_rewards(items, rewards)) as spool:
            request = Send("POST", "/v1/jobs", spool.pieces, query, headers, self.settings.answer_s)
            answer = json_of(await self._run(insist(request, self.settings.patience)))
        return AsyncJob(self, job_of(answer))

    async def job(self, job_id: str) -> "AsyncJob":
        """A job that was handed over earlier.

        Raises: Refused (404) if it is not known any more, Unavailable, BadAnswer.
        """
        return AsyncJob(self, job_of(await self._get(f"/v1/jobs/{job_id}")))

    async def components(self, profile: str | None = None) -> list[str]:
        """The names of a recipe's components, in its order; of the service's default recipe without a name.

        Raises: BadAnswer if there is none of this name; Refused, Unavailable.
        """
        return component_names(await self._get("/v1/profiles"), profile)

    async def version(self) -> dict[str, str]:
        """Release and grader version of the service."""
        answer = await self._get("/version")
        return {str(name): str(value) for name, value in dict(answer).items()}

    async def close(self) -> None:
        """Give the connections back; a caller's own httpx client stays open."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _get(self, path: str, params: Mapping[str, Any] | None = None, read_s: float = 60.0) -> Any:
        request = Send("GET", path, None, params, None, read_s)
        return json_of(await self._run(insist(request, self.settings.patience)))

    async def _delete(self, path: str) -> Any:
        return json_of(await self._run(insist(Send("DELETE", path), self.settings.patience)))

    async def _run(self, flow: Generator[Step, Reply, T]) -> T:
        reply: Reply = None
        try:
            while True:
                step = flow.send(reply)
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    reply = None
                    continue
                try:
                    reply = await self._http.send(self._request(step))
                except httpx.TransportError as error:
                    reply = error
        except StopIteration as done:
            value: T = done.value
            return value

    def _request(self, step: Send) -> httpx.Request:
        content = step.content() if step.content is not None else None
        return self._http.build_request(
            step.method,
            self.settings.url + step.path,
            content=_in_turns(content) if isinstance(content, Iterator) else content,
            params=step.params,
            headers={**self.settings.headers, **(step.headers or {})},
            timeout=httpx.Timeout(self.settings.connect_s, read=step.read_s or 60.0, write=60.0, pool=None),
        )

    async def _lines(self, path: str, after: int) -> AsyncIterator[str]:
        """Lines of a stream, until it ends or breaks off.

        Raises: Refused, if it does not begin.
        """
        request = self._request(Send("GET", path, None, {"after": after}, None, QUIET_S))
        with suppress(httpx.TransportError):
            response = await self._http.send(request, stream=True)
            try:
                if response.status_code >= 500:
                    return
                if response.status_code >= 400:
                    await response.aread()
                    raise refusal(response)
                async for line in response.aiter_lines():
                    if line:
                        yield line
            finally:
                await response.aclose()


async def _in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class AsyncJob:
    """A job at the service; `state` is the last look at it. As `Job`, awaited."""

    def __init__(self, client: AsyncClient, state: JobState) -> None:
        self._client = client
        self.state = state

    @property
    def id(self) -> str:
        """Its name, by which `AsyncClient.job` finds it again."""
        return self.state.id

    async def look(self, wait_s: float = 0.0) -> JobState:
        """Its state now, or as soon as it has ended within that many seconds."""
        params = {"wait_s": wait_s} if wait_s > 0 else None
        self.state = job_of(await self._client._get(f"/v1/jobs/{self.id}", params, wait_s + LOOK_MARGIN_S))
        return self.state

    async def wait(self, timeout_s: float | None = None) -> JobState:
        """Until it has ended.

        Raises: TimeoutError, after that many seconds; the job goes on.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self.state.ended:
            left = LOOK_S if until is None else until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {self.id} is {self.state.state} after {timeout_s:g} s")
            await self.look(min(LOOK_S, left))
        return self.state

    async def results(self, after: int = 0) -> AsyncIterator[Result]:
        """Each result once, as they are found, until the job has ended; a stream that breaks off is taken up again.

        Raises: Refused (404) when they are no longer kept, Unavailable, BadAnswer.
        """
        reader = Reader(after, self._client.settings.patience.total_s)
        while True:
            async for line in self._client._lines(f"/v1/jobs/{self.id}/results", reader.after):
                if (result := reader.read(line)) is not None:
                    yield result
            if reader.complete(await self.look()):
                return
            await asyncio.sleep(PAUSE_S)

    async def graded(self) -> Graded:
        """All results in the order of the items, when the job has ended.

        Raises: BadAnswer if it ended before every item had one (it was cancelled).
        """
        return in_order([result async for result in self.results()], self.state)

    async def cancel(self) -> JobState:
        """End it; what was found stays readable."""
        self.state = job_of(await self._client._delete(f"/v1/jobs/{self.id}"))
        return self.state
