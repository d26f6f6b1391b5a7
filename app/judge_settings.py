"""A judge's table in the settings: where it is reached and how patiently, besides all that graders.preference needs."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import Field

from graders.preference.judge import Judge

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

JudgeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings(Judge):
    """One table [judges.NAME]."""

    url: Annotated[str, MaxLen(2048)]
    """The whole address requests are posted to, its path included. No other is ever called: redirects are failures."""
    api_key_env: Annotated[str, MaxLen(128)] | None = None
    """Name of the environment variable of the judge worker that holds the key, sent as `Authorization: Bearer`."""
    ca_file: Path | None = None
    """A certificate authority of your own, as a PEM file; None: the public ones."""
    timeout_s: Annotated[float, Gt(0), Le(3600)] = 60.0
    """Seconds one request may take, its answer included."""
    budget_s: Annotated[float, Gt(0), Le(3600)] = 180.0
    """Seconds an item's judgement may take: all its requests, waits and retries."""
    tries: Annotated[int, Ge(1), Le(10)] = 3
    """Times a request is sent before its item ends as `error`."""
    concurrency: Annotated[int, Ge(1), Le(4096)] = 32
    """Requests under way at once, of each judge worker."""
    breaker_failures: Annotated[int, Ge(1), Le(1000)] = 5
    """Failures in a row after which the judge is left alone, but for one probe every `breaker_open_s`."""
    breaker_open_s: Annotated[float, Gt(0), Le(600)] = 5.0
    """Seconds between probes of a judge that is left alone."""

    def __post_init__(self) -> None:
        Judge.__post_init__(self)
        try:
            parts = urlsplit(self.url)
            port_fits = parts.port is None or parts.port > 0
        except ValueError:
            raise ValueError("`url` is not an address") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or not port_fits:
            raise ValueError("`url` must be http://… or https://…")
        if parts.username is not None or parts.password is not None:
            raise ValueError("`url` must not hold a password: name the key's variable in `api_key_env`")
        if parts.path in {"", "/"}:
            raise ValueError("`url` must have the path that requests go to, for example /classify")
        if self.timeout_s > self.budget_s:
            raise ValueError("`timeout_s` must not be more than `budget_s`")
        if self.api_key_env is not None and not _VARIABLE.fullmatch(self.api_key_env):
            raise ValueError("`api_key_env` is the name of an environment variable, not the key itself")


ROOM_MIN = 256
"""Items of one judge that a worker takes in hand at least, before it leaves them to others."""


def room_of(judge: JudgeSettings) -> int:
    """Items of a judge that a worker has in hand before it is slow to take more: a few rounds of its requests."""
    return max(ROOM_MIN, 4 * judge.concurrency)
