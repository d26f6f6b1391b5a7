"""OpenRLHF's remote reward model: `--reward.remote_url URL/compat/openrlhf/PROFILE`.

Its client waits 180 s, tries five times a second apart on anything that is not 2xx, and then goes on without a
reward, which ends the run later. So a row that cannot be graded is a number (`fallback`) beside `extra_logs.invalid`
or `extra_logs.error`; 503 is kept for a request of which nothing was graded through a passing fault of ours.
Source: openrlhf/utils/agent.py (SingleTurnAgentExecutor), openrlhf/cli/serve_rm.py.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import Row, answer, flags_of, grade_rows, how_of, number_of, refuse_if_lost
from app.compat.text import answer_of
from app.routes import PROBLEMS

router = APIRouter()

WAITS_S = 180.0


class Rewards(BaseModel):
    """The body: lists of equal length, in practice of one row."""

    model_config = LENIENT

    query: list[str]
    """Prompt and answer as one text, special tokens kept."""
    prompts: list[str | None] | None = None
    labels: list[Any] | None = None


@router.post(
    "/compat/openrlhf/{profile}",
    summary="OpenRLHF: rewards",
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Rewards.model_json_schema()}}}
    },
)
async def rewards(request: Request, profile: str) -> Response:
    """`{rewards, scores, extra_logs}`, lists in the order of the queries, finite numbers only, the same keys always."""
    how = how_of(request, profile=profile, patience_s=WAITS_S)
    try:
        asked = await read_model(request, Rewards)
        prompts = _as_many(asked, "prompts")
        labels = _as_many(asked, "labels")
    except Misfit as misfit:
        return refusal(misfit)
    rows = [
        Row(completion=answer_of(query, prompt), prompt=prompt or "", label=label)
        for query, prompt, label in zip(asked.query, prompts, labels, strict=True)
    ]
    results = await grade_rows(request, rows, how)
    refuse_if_lost(results)
    flags = [flags_of(result) for result in results]
    return answer(
        {
            "rewards": [number_of(result, how) for result in results],
            "scores": [_score(result, how) for result in results],
            "extra_logs": {name: [row[name] for row in flags] for name in (flags[0] if flags else ())},
        }
    )


def _as_many(asked: Rewards, name: str) -> list[Any]:
    given = getattr(asked, name)
    if given is None:
        return [None] * len(asked.query)
    if len(given) != len(asked.query):
        raise Misfit([{"type": "value_error", "loc": ["body", name], "msg": "as many as there are queries"}])
    return list(given)


def _score(result: dict[str, Any], how: Any) -> float:
    """What dynamic filtering looks at, 0 to 1: accuracy where the profile has it."""
    accuracy = result["components"].get("accuracy")
    value = number_of(result, how) if accuracy is None else float(accuracy["score"] or 0.0)
    return min(max(value, 0.0), 1.0)
