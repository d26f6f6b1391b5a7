"""What an adapter is told once: where the service is, and by which recipe to grade."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from touchstone_client.settings import Settings


@dataclass(frozen=True)
class Recipe:
    """The batch's own fields of POST /v1/grade.

    Args:
        profile: a recipe by name.
        rewards: the same written inline, as JSON has it.
        deadline_s: seconds after which what is not graded is an error.
        settings: how to reach the service.
    """

    profile: str | None = None
    rewards: Any = field(default=None, hash=False)
    deadline_s: float | None = None
    settings: Settings = field(default_factory=Settings)

    @property
    def options(self) -> dict[str, Any]:
        """As arguments of the clients' `grade`."""
        return {"profile": self.profile, "rewards": self.rewards, "deadline_s": self.deadline_s}

    @property
    def names(self) -> list[str] | None:
        """The components' names, where the recipe is written inline."""
        return None if self.rewards is None else [str(reward["name"]) for reward in self.rewards]


def recipe_of(
    url: str = "",
    profile: str | None = None,
    *,
    key: str | None = None,
    rewards: Any = None,
    deadline_s: float | None = None,
    settings: Settings | None = None,
    **more: Any,
) -> Recipe:
    """A recipe from the arguments that adapters share; `more` are fields of Settings."""
    if settings is None:
        settings = Settings(url, key, **more)
    elif url or key or more:
        raise ValueError("give url, key and the like in the settings, or no settings")
    if rewards is not None:
        # A configuration library's own lists and mappings are not JSON.
        rewards = tuple({str(name): value for name, value in dict(reward).items()} for reward in rewards)
        if profile is not None:
            raise ValueError("give either profile or rewards, not both")
    return Recipe(profile, rewards, deadline_s, settings)


def column(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first of the named columns that says something in this row."""
    return next((row[name] for name in names if row.get(name) is not None), None)
