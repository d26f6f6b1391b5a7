"""Reward functions that get one sample at a time: a client shared by all calls of a process or an event loop.

Connections stay open from one call to the next. A process that was forked off has none of its parent's, and a new event
loop none of an older one's.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
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
_awaited: "dict[asyncio.AbstractEventLoop, dict[Settings, Here]]" = {}

SAMPLES_AT_ONCE = 256
"""Samples of one event loop under way; the others of a burst wait here, where they cost no connection."""


@dataclass(frozen=True)
class Here:
    """What one event loop has for one service."""

    client: AsyncClient
    gate: asyncio.Semaphore


@atexit.register
def _close() -> None:
    for (process, _), client in _blocking.items():
        if process == os.getpid():
            client.close()


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


def here(settings: Settings) -> Here:
    """The running event loop's client; those of loops that were closed are forgotten."""
    with _lock:
        for closed in [loop for loop in _awaited if loop.is_closed()]:
            del _awaited[closed]
        found = _awaited.setdefault(asyncio.get_running_loop(), {})
        if settings not in found:
            found[settings] = Here(AsyncClient(settings=settings), asyncio.Semaphore(SAMPLES_AT_ONCE))
        return found[settings]


async def leave() -> None:
    """Close the running event loop's connections: for a program that goes on after its loop has ended."""
    with _lock:
        found = _awaited.pop(asyncio.get_running_loop(), {})
    for place in found.values():
        await place.client.close()


async def grade_awaited(recipe: Recipe, item: Item) -> Result:
    """The result of one sample; its client stays open for as long as the event loop lives.

    Raises: Refused, Unavailable, BadAnswer.
    """
    place = here(recipe.settings)
    async with place.gate:
        graded = await place.client.grade([item], **recipe.options, on_refused="invalid")
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
