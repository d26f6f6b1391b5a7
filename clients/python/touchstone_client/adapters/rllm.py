"""rLLM (read: the repository at 9beb6e0f, 2026-08-15; the package is not on PyPI).

    evaluator = TouchstoneEvaluator("http://grader:8000", "r1-zero")      # AgentTrainer(evaluator=…), rllm eval

An evaluator that raises fails the episode, so a sample that was not graded raises NotGraded instead of returning 0. The
label is the task metadata's `task`, `answer`, `solution` or `ground_truth`; what the model wrote is found where rLLM's
own evaluators look for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from touchstone_client.adapters.batch import LABELS
from touchstone_client.adapters.recipe import column, recipe_of
from touchstone_client.adapters.sample import grade, item_of, reward_of


class TouchstoneEvaluator:
    """Scores an episode; the arguments are those of touchstone_client.adapters.trl.RemoteReward."""

    def __init__(
        self, url: str = "", profile: str | None = None, *, labels: Sequence[str] = LABELS, **recipe: Any
    ) -> None:
        self.recipe = recipe_of(url, profile, **recipe)
        self.labels = tuple(labels)

    def evaluate(self, task: Any, episode: Any) -> Any:
        """rLLM's EvalOutput: the reward, and a signal per component.

        Args:
            task: rLLM's Task, or the row itself.
            episode: what was rolled out.

        Raises: NotGraded, Refused, Unavailable, BadAnswer.
        """
        from rllm.eval.reward_fns._helpers import extract_answer_text
        from rllm.eval.types import EvalOutput, Signal

        row: Mapping[str, Any] = task if isinstance(task, Mapping) else task.metadata
        prompt = row.get("question") if isinstance(task, Mapping) else task.instruction
        result = grade(self.recipe, item_of(extract_answer_text(episode), column(row, self.labels), prompt))
        reward = reward_of(result)
        signals = [
            Signal(name=name, value=part.score) for name, part in result.components.items() if part.score is not None
        ]
        return EvalOutput(reward=reward, is_correct=result.correct, signals=signals, metadata={"reason": result.reason})
