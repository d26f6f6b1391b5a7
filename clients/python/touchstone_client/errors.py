"""What can go wrong between a caller and the service, apart from what is said of a single item.

An item that was not graded is no exception: it is a Result with `status` invalid or error. Exceptions are for a whole
request that has no results.
"""

from collections.abc import Sequence
from typing import Any


class TouchstoneError(Exception):
    """Anything this package raises of its own."""


class Refused(TouchstoneError):
    """The service will not take the request, and sending it again would change nothing.

    Args:
        status: HTTP status, 4xx.
        detail: the service's sentence.
        errors: for a body that does not fit, `{path, message}` of each bad field.
        request_id: what to look for in the service's log.
    """

    def __init__(self, status: int, detail: str, errors: Sequence[dict[str, Any]] = (), request_id: str = "") -> None:
        fields = "; ".join(f"{error.get('path', '')}: {error.get('message', '')}" for error in errors[:5])
        more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
        super().__init__(f"{status}: {detail}" + (f" ({fields}{more})" if fields else "") + f" [{request_id}]")
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.request_id = request_id

    def __reduce__(self) -> Any:
        return type(self), (self.status, self.detail, self.errors, self.request_id)


class Unavailable(TouchstoneError):
    """The service could not be reached, or had no room, for as long as the caller's patience lasted."""


class BadAnswer(TouchstoneError):
    """An answer that is not in the contract's shape: another program listens at that address."""


class NotGraded(TouchstoneError):
    """One item has no reward, and the caller's interface has no other way to say so.

    Args:
        status: `invalid` or `error`.
        code: the invalid or fault code.
        message: the service's sentence.
    """

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(f"{status} ({code}): {message}")
        self.status = status
        self.code = code
        self.message = message

    def __reduce__(self) -> Any:
        return type(self), (self.status, self.code, self.message)
