"""What can go wrong in the service itself, and the one table from fault to HTTP status."""

from dataclasses import dataclass, field


class ServiceFault(Exception):
    """A request that cannot be served. Becomes problem+json (RFC 9457) at the edge; see `STATUS`.

    Args:
        message: one sentence for the caller; never echoes what was sent.
        errors: for a refused body, the path of each bad field and what is wrong there.
        retry_after_s: when trying again can help, after how many seconds.
    """

    def __init__(
        self, message: str, *, errors: list[dict[str, str]] | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = errors or []
        self.retry_after_s = retry_after_s


class BadJson(ServiceFault):
    """The body is not the JSON we take: not UTF-8, NaN, a duplicate key, too deep."""


class Unauthorized(ServiceFault):
    """No key was given where keys are configured."""


class Forbidden(ServiceFault):
    """A key was given that is not one of the configured ones."""


class NotFound(ServiceFault):
    """No such job, or one that is no longer kept; no such profile."""


class KeyInUse(ServiceFault):
    """A request with the same Idempotency-Key is under way."""


class BodyTimeout(ServiceFault):
    """The client took too long to send its body."""


class TooLarge(ServiceFault):
    """The body, a completion, a task or the number of items is over its limit."""


class UnsupportedMedia(ServiceFault):
    """The body's content type is not one this route takes."""


class Unprocessable(ServiceFault):
    """Good JSON that does not fit the schema, or names a profile or component that does not exist."""


class QueueFull(ServiceFault):
    """As much work as the bounds allow is waiting; try again later."""


class Overdue(ServiceFault):
    """A program could not be run within the time its caller waits; SandboxFusion's clients try a 504 again."""


class StoreUnavailable(ServiceFault):
    """Redis does not answer."""


class GradeError(Exception):
    """A command cannot go on; the message says what to do. What was found so far is in the run's journal."""


STATUS: dict[type[ServiceFault], int] = {
    BadJson: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    BodyTimeout: 408,
    KeyInUse: 409,
    TooLarge: 413,
    UnsupportedMedia: 415,
    Unprocessable: 422,
    QueueFull: 503,
    StoreUnavailable: 503,
    Overdue: 504,
}
"""HTTP status of each fault; anything that is not here is a bug and answers 500."""


@dataclass(frozen=True, slots=True)
class ItemFault:
    """Why one item ended as `error`: a code of the closed list below, a sentence, and whether trying again may help."""

    code: str
    message: str
    retryable: bool = True

    def as_json(self) -> dict[str, object]:
        """The contract's shape."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


FAULT_CODES: dict[str, str] = {
    "deadline": "The request's deadline passed before the item was graded.",
    "worker_lost": "The worker that had the item died, as often as the service was willing to try.",
    "poison": "The item killed each worker that tried it, alone in its chunk.",
    "sandbox": "The sandbox failed, not the program.",
    "grader": "The grader failed, not the answer.",
    "judge": "The judge did not answer, or not in its dialect.",
}
"""The closed list of fault codes, each with what it means (docs/verdicts.md)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An RFC 9457 problem document, ready to send."""

    status: int
    title: str
    detail: str
    request_id: str
    errors: list[dict[str, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The document's members; `errors` only where there are any."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": self.request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        return document
