"""A batch as requests, and their answers as one result per item: what both clients share.

    items ─▶ plan: which go together ─▶ for each request: send, look at what came ─▶ results by position
                                              ├ one bad item among good ones: it is set apart, the rest is sent again
                                              ├ over a limit of size: in halves
                                              └ error that may pass: its group is sent again, a bounded number of times

Group-relative rewards see the whole group only when it travels in one request, so groups are never cut: items with the
same `group`, or without one the same prompt and task, stay together even where they are not neighbours.
"""

import hashlib
import logging
import uuid
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from touchstone_client.errors import BadAnswer, Refused
from touchstone_client.results import Graded, Result, Summary, refused_result, result_of
from touchstone_client.retry import Patience, Reply, Send, Step, Wait, insist, json_of
from touchstone_client.wire import body, to_json

_log = logging.getLogger("touchstone_client")

Item = Mapping[str, Any]
"""An item as POST /v1/grade has it: completion, and as needed prompt, task, id, group, completion_tokens, truncated,
metadata, profile, rewards."""

OnRefused = Literal["raise", "invalid"]

REFUSALS_MAX = 64
"""Refusals of one request after which it is the caller's mistake and not that of single items."""

SPLITTABLE = frozenset({400, 413})
"""Refusals that do not say which item they mean: the halves do."""


@dataclass(frozen=True)
class Ask:
    """How a batch is to be graded and sent.

    Args:
        options: the batch's own fields (profile, rewards, deadline_s, explain); None is left out.
        patience: how long to go on trying.
        items_max, bytes_max: what one request may hold.
        on_refused: an item that does not fit the schema or is too large raises Refused, or becomes an invalid result.
        fault_rounds: how often items that ended as a retryable error are sent again.
        read_s: seconds to wait for an answer.
    """

    options: Mapping[str, Any]
    patience: Patience
    items_max: int
    bytes_max: int
    on_refused: OnRefused
    fault_rounds: int
    read_s: float


def batch_options(
    profile: str | None,
    rewards: Sequence[Mapping[str, Any]] | None,
    deadline_s: float | None,
    explain: bool = False,
    group: bool | Sequence[str] = False,
) -> dict[str, Any]:
    """The batch's own fields; what is not asked for is not sent, so that an older service takes the rest."""
    return {
        "profile": profile,
        "rewards": rewards,
        "deadline_s": deadline_s,
        "explain": explain or None,
        "group": group or None,
    }


@dataclass
class Batch:
    """The items of one call, and their JSON."""

    items: Sequence[Item]
    ask: Ask
    texts: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = [to_json(item) for item in self.items]

    def plan(self) -> list[list[int]]:
        """Positions that travel together, groups whole."""
        ask = self.ask
        everything = list(range(len(self.items)))
        if len(self.items) <= ask.items_max and sum(map(len, self.texts)) + len(self.items) <= ask.bytes_max:
            return [everything] if everything else []
        return self._cut(list(self.groups(everything).values()))

    def groups(self, positions: Sequence[int]) -> dict[bytes, list[int]]:
        """Positions by group, in the order of first appearance."""
        found: dict[bytes, list[int]] = {}
        for position in positions:
            item = self.items[position]
            name = [item["group"]] if item.get("group") is not None else [item.get("prompt"), item.get("task")]
            found.setdefault(hashlib.blake2b(to_json(name), digest_size=16).digest(), []).append(position)
        return found

    def _cut(self, groups: Iterable[list[int]]) -> list[list[int]]:
        requests: list[list[int]] = []
        held_bytes = 0
        for group in groups:
            size = sum(len(self.texts[position]) + 1 for position in group)
            full = not requests or len(requests[-1]) + len(group) > self.ask.items_max
            if full or held_bytes + size > self.ask.bytes_max:
                requests.append([])
                held_bytes = 0
            requests[-1] += group
            held_bytes += size
        return requests

    def graded(self, found: Mapping[int, Result], version: str) -> Graded:
        """The results in the order of the items.

        Raises: BadAnswer if one is missing.
        """
        if len(found) != len(self.items):
            raise BadAnswer(f"{len(found)} results for {len(self.items)} items")
        results = [found[position] for position in range(len(self.items))]
        return Graded(results, Summary.of(results), version)


Grading = Generator[Step, Reply, tuple[dict[int, Result], str]]


def grading(batch: Batch, positions: Sequence[int]) -> Grading:
    """The flow for the items of one request.

    Returns: a result for each position, and the grader version.
    Raises: Refused, Unavailable, BadAnswer.
    """
    ask = batch.ask
    found: dict[int, Result] = {}
    version = ""
    waiting = [list(positions)]
    broken: set[int] = set()
    mended = False
    refusals = rounds = 0
    while waiting:
        sent = waiting.pop()
        try:
            answer = yield from _post(batch, sent)
        except Refused as refused:
            refusals += 1
            if refusals > REFUSALS_MAX:
                raise
            waiting += _set_apart(batch, sent, refused, found, broken)
            continue
        version = str(answer.get("grader_version", ""))
        for position, value in zip(sent, _results(answer, len(sent)), strict=True):
            found[position] = result_of({**value, "index": position})
        if waiting:
            continue
        # Whole groups, whose good results are cached there, so that group-relative rewards see all their items.
        passing = {one for one in positions if rounds < ask.fault_rounds and _may_pass(found[one])}
        unsure = passing if mended else passing | broken
        again = [
            one
            for group in (batch.groups(positions).values() if unsure else ())
            if not unsure.isdisjoint(group)
            for one in group
            if not _refused(found[one])
        ]
        mended = mended or bool(broken)  # Once: a group that is too large as a whole stays cut.
        if passing:
            rounds += 1
            codes = ", ".join(sorted({found[one].reason for one in passing}))
            _log.warning("%d of %d items ended as %s; sending them again", len(passing), len(positions), codes)
            yield Wait(ask.patience.pause(rounds, None, 0.0))
        if again:
            waiting.append(again)
    return found, version


def _post(batch: Batch, positions: Sequence[int]) -> Generator[Step, Reply, dict[str, Any]]:
    content = body([batch.texts[position] for position in positions], batch.ask.options)
    headers = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex}
    request = Send("POST", "/v1/grade", lambda: content, None, headers, batch.ask.read_s)
    answer = json_of((yield from insist(request, batch.ask.patience)))
    if not isinstance(answer, dict):
        raise BadAnswer("an answer that is no object")
    return answer


def _results(answer: Mapping[str, Any], count: int) -> list[Any]:
    """As many as were asked, each in its place.

    Raises: BadAnswer.
    """
    results = answer.get("results")
    if not isinstance(results, list) or len(results) != count:
        raise BadAnswer(f"the answer does not have {count} results")
    if [row.get("index") if isinstance(row, dict) else None for row in results] != list(range(count)):
        raise BadAnswer("the results are not in the order that was asked")
    return results


def _may_pass(result: Result) -> bool:
    return result.fault is not None and result.fault.retryable


def _refused(result: Result) -> bool:
    return result.invalid is not None and result.invalid.code == "refused"


def _set_apart(
    batch: Batch, sent: Sequence[int], refused: Refused, found: dict[int, Result], broken: set[int]
) -> list[list[int]]:
    """What to send instead of a refused request; the items at fault are found as invalid.

    Items whose group had to be cut are put into `broken`.

    Raises: Refused where no single item is at fault, or the caller wants to know.
    """
    bad = _named(refused, len(sent))
    if bad:
        renamed = [{**error, "path": _moved(str(error.get("path", "")), sent)} for error in refused.errors]
        refused = Refused(refused.status, refused.detail, renamed, refused.request_id)
        if batch.ask.on_refused == "raise":
            raise refused
        for local, message in bad.items():
            found[sent[local]] = refused_result(sent[local], batch.items[sent[local]], message)
        rest = [position for local, position in enumerate(sent) if local not in bad]
        return [rest] if rest else []
    if refused.status not in SPLITTABLE:
        raise refused
    if len(sent) > 1:
        groups = list(batch.groups(sent).values())
        if len(groups) == 1:
            broken.update(sent)
            groups = [[one] for one in sent]
        middle = len(groups) // 2
        return [[one for group in half for one in group] for half in (groups[:middle], groups[middle:])]
    if batch.ask.on_refused == "raise":
        raise refused
    found[sent[0]] = refused_result(sent[0], batch.items[sent[0]], refused.detail)
    return []


def _named(refused: Refused, count: int) -> dict[int, str]:
    """The items that a 422 names, when it names nothing else; their messages."""
    found: dict[int, str] = {}
    if refused.status != 422:
        return found
    for error in refused.errors:
        steps = str(error.get("path", "")).split(".")
        if len(steps) < 2 or steps[0] != "items" or not steps[1].isdecimal() or int(steps[1]) >= count:
            return {}
        found.setdefault(int(steps[1]), f"{'.'.join(steps[2:])}: {error.get('message', '')}".removeprefix(": "))
    return found


def _moved(path: str, sent: Sequence[int]) -> str:
    steps = path.split(".")
    return ".".join([steps[0], str(sent[int(steps[1])]), *steps[2:]])
