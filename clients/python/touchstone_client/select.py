"""Choosing from completions: POST /v1/select, in as many requests as the batch needs; a group is never cut."""

import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from touchstone_client.errors import BadAnswer
from touchstone_client.grade import Batch
from touchstone_client.retry import Reply, Send, Step, insist, json_of
from touchstone_client.wire import body


@dataclass(frozen=True)
class Choice:
    """What was chosen of one group.

    `selected` are places in what was asked, `dropped` the reason of each of the group's other places; `answer` is that
    of the first selected one, `votes` how many gave the winning answer (None where nobody votes).
    """

    group: str | None
    selected: list[int]
    dropped: Mapping[int, str]
    answer: str | None = None
    votes: int | None = None


def selecting(batch: Batch, positions: Sequence[int]) -> Generator[Step, Reply, list[Choice]]:
    """The flow for the items of one request.

    Returns: the request's groups.
    Raises: Refused, Unavailable, BadAnswer.
    """
    content = body([batch.texts[position] for position in positions], batch.ask.options)
    headers = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex}
    request = Send("POST", "/v1/select", lambda: content, None, headers, batch.ask.read_s)
    answer = json_of((yield from insist(request, batch.ask.patience)))
    try:
        choices = [_choice(group, positions) for group in answer["groups"]]
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise BadAnswer(f"a selection without what the contract promises: {error!r}") from None
    if sorted(place for choice in choices for place in (*choice.selected, *choice.dropped)) != sorted(positions):
        raise BadAnswer("a selection in which some item does not stand once")
    return choices


def in_order(choices: list[Choice]) -> list[Choice]:
    """Groups in the order of their first items."""
    return sorted(choices, key=lambda choice: min(*choice.selected, *choice.dropped, 1 << 62, 1 << 62))


def _choice(group: Mapping[str, Any], positions: Sequence[int]) -> Choice:
    return Choice(
        group=group.get("group"),
        selected=[positions[index] for index in group["selected"]],
        dropped={positions[row["index"]]: str(row["reason"]) for row in group["dropped"]},
        answer=group.get("answer"),
        votes=group.get("votes"),
    )
