"""eval-protocol's reward server: POST /evaluate (with `?profile=`, or /profile/NAME/evaluate).

The last assistant message is judged, the messages before it are the prompt. `ground_truth` is a label
(app.compat.label); a list of messages, which the client sends where it has none, is no label. What could not be
graded has `is_score_valid: false`, for which its aggregation has a place.
Source: eval_protocol/generic_server.py, eval_protocol/models.py (EvaluateResult), eval_protocol/reward_function.py.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import Row, answer, grade_rows, how_of, number_of
from app.compat.text import content_text, prompt_text
from app.routes import PROBLEMS, services

router = APIRouter()


class Evaluation(BaseModel):
    """The body; what else is in it is passed over."""

    model_config = LENIENT

    messages: list[dict[str, Any]]
    ground_truth: Any = None
    kwargs: dict[str, Any] | None = Field(default_factory=dict)
    task: dict[str, Any] | None = None
    """A task as in /v1/grade, here or in `kwargs`; goes before the ground truth."""


@router.post(
    "/evaluate",
    summary="eval-protocol: evaluate",
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Evaluation.model_json_schema()}}}
    },
)
async def evaluate(request: Request) -> Response:
    """An EvaluateResult: the score, whether it is valid, why, and each component as a metric."""
    how = how_of(request, patience_s=services(request).settings.deadline_default_s)
    try:
        asked = await read_model(request, Evaluation)
    except Misfit as misfit:
        return refusal(misfit)
    last = next((i for i, turn in reversed(list(enumerate(asked.messages))) if turn.get("role") == "assistant"), None)
    completion = "" if last is None else content_text(asked.messages[last].get("content"))
    row = Row(completion, prompt_text(asked.messages[:last]), _label(asked))
    (result,) = await grade_rows(request, [row], how, once=True)
    valid = result["status"] == "graded" and result["reward"] is not None
    why = _why(result)
    return answer(
        {
            "score": number_of(result, how),
            "is_score_valid": valid,
            "reason": why,
            "metrics": {name: _metric(name, entry["score"], why) for name, entry in result["components"].items()},
            "step_outputs": None,
            "error": None if valid else why,
            "trajectory_info": None,
            "final_control_plane_info": None,
            "agg_score": None,
            "standard_error": None,
        }
    )


def _label(asked: Evaluation) -> Any:
    task = asked.task or (asked.kwargs or {}).get("task")
    if task is not None:
        return task
    truth = asked.ground_truth
    if isinstance(truth, list) and all(isinstance(turn, dict) and "role" in turn for turn in truth):
        return None
    return truth


def _why(result: dict[str, Any]) -> str:
    trouble = result.get("invalid") or result.get("fault")
    if trouble is not None:
        return f"{trouble['code']}: {trouble['message']}"
    return str(result.get("verdict", {}).get("reason", "scored"))


def _metric(name: str, score: float | None, why: str) -> dict[str, Any]:
    """A component as a metric, whose score must lie within 0 and 1 there. `success` is what the client's remote mode
    reads for validity."""
    value = min(max(score or 0.0, 0.0), 1.0)
    reason = why if name == "accuracy" else f"{name} score"
    return {"score": value, "is_score_valid": score is not None, "success": score is not None, "reason": reason}
