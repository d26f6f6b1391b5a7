"""Reward functions that get one sample at a time: a client shared by all calls of a process or an event loop.

Connections stay open from one call to the next. A process that was forked off has none of its parent's, and a new event
loop none of an older one's.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Mapping
from typing import Any

from touchstone_client.adapters.recipe import Recipe
from touchstone_client.async_client import AsyncClient
from touchstone_client.client import Client
from touchstone_client.errors import NotGraded
from touchstone_client.grade import Item
from touchstone_client.results import Result
from touchstone_client.settings import Settings
from touchstone_client.tasks import task_of, text_of

_lock = threading.Lock()
_blocking: dict[tuple[int, Settings], Client] = {}
_awaited: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Settings, AsyncClient]]" = (
    weakref.WeakKeyDictionary()
)


def item_of(completion: Any, label: Any, prompt: Any = None) -> Item:
    """One sample as an item."""
    item: dict[str, Any] = {"prompt": text_of(prompt), "completion": text_of(completion)}
    task = task_of(label)
    return item if task is None else {**item, "task": task}


def grade(recipe: Recipe, item: Item) -> Result:
    """The result of one sample.

    Raises: Refused, Unavailable, BadAnswer.
    """
    name = (os.getpid(), recipe.settings)
    with _lock:
        if name not in _blocking:
            _blocking[name] = Client(settings=recipe.settings)
        client = _blocking[name]
    return client.grade([item], **recipe.options, on_refused="invalid").results[0]


def client_here(settings: Settings) -> AsyncClient:
    """The running event loop's client."""
    clients = _awaited.setdefault(asyncio.get_running_loop(), {})
    if settings not in clients:
        clients[settings] = AsyncClient(settings=settings)
    return clients[settings]


async def grade_awaited(recipe: Recipe, item: Item) -> Result:
    """The result of one sample; its client stays open for as long as the event loop lives.

    Raises: Refused, Unavailable, BadAnswer.
    """
    graded = await client_here(recipe.settings).grade([item], **recipe.options, on_refused="invalid")
    return graded.results[0]


def reward_of(result: Result) -> float:
    """The reward.

    Raises: NotGraded where there is none.
    """
    if result.graded and result.reward is not None:
        return result.reward
    raise not_graded(result)


def not_graded(result: Result) -> NotGraded:
    """Why there is no reward."""
    cause = result.invalid or result.fault
    if cause is None:
        return NotGraded(result.status, result.reason, "a component has no score")
    return NotGraded(result.status, cause.code, cause.message)


def flags(result: Result) -> dict[str, float]:
    """What became of a sample, in numbers whose names never change."""
    return {
        "acc": float(result.correct),
        "graded": float(result.graded),
        "invalid": float(result.status == "invalid"),
        "error": float(result.status == "error"),
    }


def scores(result: Result, names: list[str]) -> Mapping[str, float]:
    """Each component's score; one that could not be computed, or was not reached, is 0."""
    return {name: (result.components[name].score if name in result.components else None) or 0.0 for name in names}
