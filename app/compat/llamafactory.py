"""LLaMA-Factory's PPO with `reward_model_type: api`, `reward_model: URL/compat/llamafactory/PROFILE`.

It sends whole decoded sequences and no reference, so only profiles that need none can score them (format, length, a
judge); with another one, and where nothing at all could be judged, it is told so. It reads `scores` of whatever is
answered, without a time limit and without another try, so that ends its run.
Source: src/llamafactory/train/ppo/ppo_utils.py (get_rewards_from_server), src/llamafactory/api/protocol.py.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from app.compat.body import LENIENT, Misfit, read_model, refusal
from app.compat.rows import Row, answer, grade_rows, how_of, needs_label, number_of, refuse_if_lost
from app.compat.text import answer_of
from app.errors import Unprocessable
from app.routes import PROBLEMS, services

router = APIRouter()


class Evaluation(BaseModel):
    """The body."""

    model_config = LENIENT

    model: str = ""
    messages: list[str]
    """Whole sequences: prompt and answer, special tokens kept."""


@router.post(
    "/compat/llamafactory/{profile}",
    summary="LLaMA-Factory: scores",
    responses=PROBLEMS,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Evaluation.model_json_schema()}}}
    },
)
async def scores(request: Request, profile: str) -> Response:
    """`{id, object, model, scores}`, one finite number a sequence, in order."""
    how = how_of(request, profile=profile, patience_s=services(request).settings.deadline_default_s)
    if needs_label(how.profile, services(request).settings):
        raise Unprocessable(
            "LLaMA-Factory sends no reference to judge by: choose a profile without accuracy",
            errors=[{"path": "profile", "message": "needs something to judge by"}],
        )
    try:
        asked = await read_model(request, Evaluation)
    except Misfit as misfit:
        return refusal(misfit)
    results = await grade_rows(request, [Row(answer_of(text)) for text in asked.messages], how, once=True)
    refuse_if_lost(results)
    if results and all(result["status"] == "invalid" for result in results):  # It has no other way to notice.
        raise Unprocessable(f"nothing could be judged: {results[0]['invalid']['message']}")
    return answer(
        {
            "id": f"scoreval-{request.state.request_id}",
            "object": "score.evaluation",
            "model": asked.model,
            "scores": [number_of(result, how) for result in results],
        }
    )
