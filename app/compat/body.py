"""A request's body as these callers send it, and refusals in the shape that their own servers give.

Their servers parse JSON with Python's own parser, so a NaN, a key named twice or half a surrogate pair gets through
there and must not cost a whole batch here: NaN is read as null, of equal keys the last one counts, and what is not
Unicode text becomes U+FFFD. The bounds on size, depth and number of values are those of /v1.
"""

import asyncio
import json
import math
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from app.edge import read_body
from app.errors import BadJson
from app.json_edge import DEPTH_MAX, VALUES_MAX
from app.routes import LARGE_BODY, check_media, services

LENIENT = ConfigDict(extra="ignore", frozen=True)
"""Fields we do not know are passed over, as their own servers do."""

M = TypeVar("M", bound=BaseModel)


class Misfit(Exception):
    """A body that does not fit the model; `rows` as FastAPI lists them, without the values."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__("the body does not fit")
        self.rows = rows


async def read_json(request: Request) -> Any:
    """The body's value, for a route that expects JSON.

    Raises: UnsupportedMedia, TooLarge, BodyTimeout, BadJson.
    """
    check_media(request.headers)
    body = await read_body(request, services(request).settings)
    return parse(body) if len(body) < LARGE_BODY else await asyncio.to_thread(parse, body)


async def read_model(request: Request, model: type[M]) -> M:
    """The body as a model.

    Raises: as `read_json`; Misfit.
    """
    return fit(await read_json(request), model)


def fit(value: Any, model: type[M]) -> M:
    """A value as a model. Raises: Misfit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Misfit(
            [
                {"type": row["type"], "loc": ["body", *row["loc"]], "msg": row["msg"]}
                for row in error.errors(include_url=False, include_context=False, include_input=False)[:100]
            ]
        ) from None


def refusal(misfit: Misfit) -> JSONResponse:
    """FastAPI's own answer to a body that does not fit: 422 with a list of rows under `detail`."""
    return JSONResponse({"detail": misfit.rows}, 422)


def parse(body: bytes) -> Any:
    """JSON to a value within bounds. Raises: BadJson."""
    try:
        value = json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise BadJson(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (RecursionError, ValueError):
        raise BadJson("nested too deep, or an integer with too many digits") from None
    return _clean(value)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _clean(value: Any) -> Any:
    """The value with every text encodable, bounded in depth and in number of values. Raises: BadJson."""
    top = [value]
    level: list[dict[Any, Any] | list[Any]] = [top]
    depth = count = 0
    while level:
        depth += 1
        if depth > DEPTH_MAX + 1:
            raise BadJson(f"nested deeper than {DEPTH_MAX}")
        below: list[dict[Any, Any] | list[Any]] = []
        for holder in level:
            count += len(holder)
            if count > VALUES_MAX:
                raise BadJson(f"more than {VALUES_MAX} values")
            places: Any = holder.items() if isinstance(holder, dict) else enumerate(holder)
            for key, entry in list(places):
                if isinstance(entry, (dict, list)):
                    below.append(entry)
                elif isinstance(entry, str) and not _encodable(entry):
                    holder[key] = _replaced(entry)
                if isinstance(key, str) and not _encodable(key) and isinstance(holder, dict):
                    holder[_replaced(key)] = holder.pop(key)
        level = below
    return top[0]


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _replaced(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
