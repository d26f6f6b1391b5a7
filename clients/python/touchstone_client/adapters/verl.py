"""verl (read: 0.9.1).

    reward.custom_reward_function.path=pkg://touchstone_client.adapters.verl
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.url=http://grader:8000
    +reward.custom_reward_function.reward_kwargs.profile=r1-zero

verl has no way to leave a sample out: it needs a number, and the same keys with numbers for every sample. So a sample
that was not graded gets `not_graded` (0 unless told otherwise) with `graded` 0 and `invalid` or `error` 1, which can be
filtered by and must be watched. A service that stays away raises Unavailable: under the `naive` manager that ends the
run, while `rate_limited` makes 0 of it, so give that one a `timeout` above the patience.

`reward_model.ground_truth` is the label, as touchstone_client.tasks reads it: a maths reference, a task as JSON, or
verl's own `{"inputs", "outputs", "fn_name"}`.
"""

from typing import Any

from touchstone_client.adapters.recipe import Recipe, recipe_of
from touchstone_client.adapters.sample import flags, grade_awaited, here, item_of, scores

_names: dict[Recipe, list[str]] = {}


async def compute_score(
    data_source: str = "",
    solution_str: str = "",
    ground_truth: Any = None,
    extra_info: Any = None,
    *,
    url: str = "",
    profile: str | None = None,
    not_graded: float = 0.0,
    prompt_key: str = "prompt",
    reward_router_address: Any = None,
    reward_model_tokenizer: Any = None,
    **recipe: Any,
) -> dict[str, float]:
    """The score of one sample as verl takes it.

    Args:
        data_source: not used; the label says what to judge.
        solution_str: what the model wrote.
        ground_truth: the label.
        extra_info: the row's own; its `prompt_key` is the prompt, for recipes that look at it.
        url, profile, recipe: where and by what; `key`, `rewards`, `deadline_s` and fields of Settings, too.
        not_graded: the score of a sample that was not graded.
        reward_router_address, reward_model_tokenizer: not used.

    Returns: `score`, `acc` (1 for a correct verdict), `graded`, `invalid`, `error` and each component, always the same
        names, always finite numbers.
    Raises: Refused, Unavailable, BadAnswer.
    """
    chosen = recipe_of(url, profile, **recipe)
    prompt = extra_info.get(prompt_key) if hasattr(extra_info, "get") else None
    result = await grade_awaited(chosen, item_of(solution_str, ground_truth, prompt))
    names = await _components(chosen, list(result.components) if result.graded else None)
    reward = result.reward if result.graded and result.reward is not None else float(not_graded)
    return {"score": reward, **flags(result), **scores(result, names)}


async def _components(recipe: Recipe, seen: list[str] | None) -> list[str]:
    """The recipe's components; asked for only where no sample has shown them yet."""
    if recipe not in _names:
        _names[recipe] = recipe.names or seen or await here(recipe.settings).client.components(recipe.profile)
    return _names[recipe]
