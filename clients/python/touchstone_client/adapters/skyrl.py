"""SkyRL-gym (read: skyrl-gym 0.4.0, skyrl 0.4.0).

    from skyrl_gym.envs import register
    register(
        id="touchstone",
        entry_point="touchstone_client.adapters.skyrl:TouchstoneEnv",
        kwargs={"url": "http://grader:8000", "profile": "r1-zero"},
    )
    # rows: {"env_class": "touchstone", "prompt": […], "reward_spec": {"method": "rule", "ground_truth": LABEL}}

SkyRL needs a number for each step, and an exception in a step ends the run. A sample that was not graded gets
`not_graded` (0 unless told otherwise), with `graded` 0 and `invalid` or `error` 1 in the step's metadata and in the
environment's metrics; `not_graded=None` raises NotGraded instead.
"""

from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from touchstone_client.adapters.recipe import recipe_of
from touchstone_client.adapters.sample import flags, grade, item_of, not_graded
from touchstone_client.results import Result


class TouchstoneEnv(BaseTextEnv):
    """A one-turn environment whose reward the service gives.

    Args:
        env_config: SkyRL's own settings for this environment; `url`, `profile` and the like there win over arguments.
        extras: the row; `reward_spec.ground_truth` is the label.
        not_graded: the reward of a sample that was not graded, or None to raise.
    """

    def __init__(
        self,
        env_config: Any = None,
        extras: Any = None,
        *,
        url: str = "",
        profile: str | None = None,
        not_graded: float | None = 0.0,
        **recipe: Any,
    ) -> None:
        super().__init__()
        spec = (extras or {}).get("reward_spec")
        if not spec or "ground_truth" not in spec:
            raise ValueError("the row needs reward_spec.ground_truth")
        given = {"url": url, "profile": profile, "not_graded": not_graded, **recipe, **dict(env_config or {})}
        self.not_graded = given.pop("not_graded")
        self.recipe = recipe_of(**given)
        self.label = spec["ground_truth"]
        self.prompt: Any = None
        self.result: Result | None = None

    def init(self, prompt: Any) -> tuple[Any, dict[str, Any]]:
        """Keeps the prompt, for recipes that look at it."""
        self.prompt = prompt
        return prompt, {}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Grade what the model wrote; the episode is over.

        Raises: NotGraded if it was asked for; Refused, Unavailable, BadAnswer.
        """
        self.turns += 1
        self.result = grade(self.recipe, item_of(action, self.label, self.prompt))
        reward = self.result.reward if self.result.graded else self.not_graded
        if reward is None:
            raise not_graded(self.result)
        return BaseTextEnvStepOutput(
            observations=[],
            reward=float(reward),
            done=True,
            metadata={"reason": self.result.reason, **self.get_metrics()},
        )

    def get_metrics(self) -> dict[str, Any]:
        """What became of the sample, and each component, for SkyRL's averages."""
        if self.result is None:
            return {}
        parts = {name: part.score for name, part in self.result.components.items() if part.score is not None}
        return {**flags(self.result), **parts}
