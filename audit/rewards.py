"""The service as TRL's reward function, which is what falsepass audits: it looks for a function of `completions`."""

from typing import Any

from client import item, scores


def accuracy_reward(completions: list[Any], answer: list[Any], prompts: Any = None, **columns: Any) -> list[float]:
    """A batch in one request; prompts go with their completions."""
    asked = prompts if prompts is not None else columns.get("prompt")
    if not isinstance(asked, list) or len(asked) != len(completions):
        asked = [None] * len(completions)
    return scores([item(c, a, p) for c, a, p in zip(completions, answer, asked, strict=True)])
