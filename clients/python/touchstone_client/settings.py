"""Where the service is and how to speak to it, from arguments or the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from touchstone_client.grade import Ask, OnRefused
from touchstone_client.retry import Patience

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Settings:
    """What both clients are made from.

    Args:
        url: of the service; unset, TOUCHSTONE_URL, else this machine.
        key: for a service with keys; unset, TOUCHSTONE_API_KEY, else none.
        patience: how long to go on trying when the service is away or full.
        items_per_request, bytes_per_request: larger batches go in several requests; the service's own limits are 4,096
            items and 32 MiB by default.
        connect_s: seconds to wait for a connection.
        answer_s: seconds to wait for an answer, when no deadline was asked for.
        margin_s: seconds to wait for an answer after the deadline that was asked for.
        concurrency: requests of one call under way at once (the blocking client sends one after the other).
        fault_rounds: how often items that ended as a retryable error are sent again.
    """

    url: str = ""
    key: str | None = field(default=None, repr=False)
    patience: Patience = field(default_factory=Patience)
    items_per_request: int = 1024
    bytes_per_request: int = 8 * 1024 * 1024
    connect_s: float = 10.0
    answer_s: float = 660.0
    margin_s: float = 30.0
    concurrency: int = 8
    fault_rounds: int = 2

    def __post_init__(self) -> None:
        for name in ("items_per_request", "bytes_per_request", "concurrency"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        url = (self.url or os.environ.get("TOUCHSTONE_URL") or DEFAULT_URL).rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"no http:// or https:// in the service's address {url!r}")
        object.__setattr__(self, "url", url)
        if self.key is None:
            object.__setattr__(self, "key", os.environ.get("TOUCHSTONE_API_KEY") or None)

    @property
    def headers(self) -> dict[str, str]:
        """Sent with every request."""
        return {"X-API-Key": self.key} if self.key else {}

    def ask(self, options: Mapping[str, Any], on_refused: OnRefused) -> Ask:
        """How a batch with these options is sent."""
        deadline_s = options.get("deadline_s")
        return Ask(
            options=options,
            patience=self.patience,
            items_max=self.items_per_request,
            bytes_max=self.bytes_per_request,
            on_refused=on_refused,
            fault_rounds=self.fault_rounds,
            read_s=self.answer_s if deadline_s is None else deadline_s + self.margin_s,
        )
