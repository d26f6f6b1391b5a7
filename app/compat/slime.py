"""slime and miles: `--rm-type remote_rm --rm-url URL/compat/slime/PROFILE`.

One sample a request; the JSON of the answer is the reward: a number, or, with `?reward_key=NAME` for a trainer that
was given `--reward-key NAME`, an object that has it. slime waits 120 s and tries ten times with growing pauses on any
error, then its rollout ends; so a row that cannot be graded is a number (`fallback`), and 503 means that another try
may help. The sample's metadata is not sent, so what to judge by is in the label and the profile.
Source: slime/rollout/rm_hub/__init__.py (remote_rm).
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import Row, answer, flags_of, grade_rows, how_of, number_of, refuse_if_lost
from app.compat.text import prompt_text, without_end
from app.errors import Unprocessable
from app.routes import PROBLEMS

router = APIRouter()

WAITS_S = 120.0


class Sample(BaseModel):
    """The body."""

    model_config = LENIENT

    prompt: str | list[dict[str, Any]] | None = None
    response: str
    label: Any = None


@router.post(
    "/compat/slime/{profile}",
    summary="slime, miles: a reward",
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Sample.model_json_schema()}}}
    },
)
async def reward(request: Request, profile: str) -> Response:
    """A finite number, or with `reward_key` an object of numbers with the same keys always."""
    how = how_of(request, profile=profile, patience_s=WAITS_S)
    key = request.query_params.get("reward_key")
    if key is not None and not 0 < len(key) <= 128:
        raise Unprocessable(
            "a parameter of the address does not fit",
            errors=[{"path": "reward_key", "message": "1 to 128 characters"}],
        )
    try:
        asked = await read_model(request, Sample)
    except Misfit as misfit:
        return refusal(misfit)
    row = Row(without_end(asked.response), prompt_text(asked.prompt), asked.label)
    results = await grade_rows(request, [row], how)
    refuse_if_lost(results)
    number = number_of(results[0], how)
    return answer(number if key is None else flags_of(results[0]) | {key: number})
