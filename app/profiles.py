"""Recipes: which components make a reward, with which weights; built in, or written inline in a request."""

from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import Unprocessable
from app.schemas import Batch, Item, RewardSpec, check_params, params_schema
from graders.components import COMPONENTS

PROFILES: dict[str, tuple[RewardSpec, ...]] = {
    "accuracy": (RewardSpec(name="accuracy"),),
    "r1-zero": (RewardSpec(name="accuracy"), RewardSpec(name="format")),
    "r1": (RewardSpec(name="accuracy"), RewardSpec(name="format"), RewardSpec(name="language")),
    "r1-general": (RewardSpec(name="preference"), RewardSpec(name="format"), RewardSpec(name="language")),
    "dapo": (RewardSpec(name="accuracy", params={"values": "signed"}), RewardSpec(name="soft_overlong")),
    "open-r1": (
        RewardSpec(name="accuracy"),
        RewardSpec(name="format", params={"style": "open-r1"}),
        RewardSpec(name="tag_count"),
    ),
    "trl-think": (RewardSpec(name="accuracy"), RewardSpec(name="format", params={"style": "trl-think"})),
}
"""Built-in recipes by name; docs/rewards.md says where each is from."""

DEFAULT = "accuracy"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe that was checked: its components exist, once each, and their parameters fit."""

    specs: tuple[RewardSpec, ...]
    judges: bool = field(init=False)
    """True when an item with this recipe must have a task."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "judges", any(COMPONENTS[spec.name].judges for spec in self.specs))


def recipes_of(batch: Batch) -> list[Recipe]:
    """Each item's recipe: its own, else the batch's, else accuracy alone.

    Returns: one a item, in order; equal specifications share one Recipe.
    Raises: Unprocessable if a name, a parameter or a needed task is missing or wrong.
    """
    if batch.profile is not None and batch.rewards is not None:
        raise _refuse("profile", "give either profile or rewards, not both")
    known: dict[int, Recipe] = {}
    common: Recipe | None = None
    recipes = []
    for index, item in enumerate(batch.items):
        path = f"items.{index}"
        if item.profile is not None and item.rewards is not None:
            raise _refuse(f"{path}.profile", "give either profile or rewards, not both")
        if item.rewards is not None:
            recipe = known.setdefault(id(item.rewards), _checked(item.rewards, f"{path}.rewards"))
        elif item.profile is not None:
            recipe = _named(item.profile, f"{path}.profile")
        else:
            common = common or _common(batch)
            recipe = common
        check_item(item, recipe, path)
        recipes.append(recipe)
    return recipes


def with_components(recipes: list[Recipe], specs: tuple[RewardSpec, ...]) -> list[Recipe]:
    """Recipes with more components.

    Raises: Unprocessable if a recipe has one of them already.
    """
    if not specs:
        return recipes
    names = {spec.name for spec in specs}
    for index, recipe in enumerate(recipes):
        if twice := [spec.name for spec in recipe.specs if spec.name in names]:
            raise _refuse(f"items.{index}", f"{twice[0]} is a component of the recipe already")
    # By identity: equal recipes are one object, and one cannot be hashed.
    grown: dict[int, Recipe] = {}
    return [grown.setdefault(id(recipe), replace(recipe, specs=recipe.specs + specs)) for recipe in recipes]


def recipe_named(name: str) -> Recipe:
    """A recipe by its name. Raises: Unprocessable when there is none of it."""
    return _named(name, "profile")


def check_item(item: Item, recipe: Recipe, path: str) -> None:
    """Refuse an item that lacks what its recipe looks at. Raises: Unprocessable, with paths below `path`."""
    for spec in recipe.specs:
        component = COMPONENTS[spec.name]
        if component.judges and item.task is None:
            raise _refuse(f"{path}.task", f"needed by the component {spec.name}")
        if component.kind is not None and item.task is not None and item.task.kind != component.kind:
            raise _refuse(f"{path}.task.kind", f"the component {spec.name} needs a task of kind {component.kind}")
        if item.completion_tokens is None:
            params = check_params(spec.name, spec.params, path)
            if getattr(params, "unit", "") == "tokens" and not (
                component.settled is not None and component.settled(item.completion_text, params)
            ):
                raise _refuse(f"{path}.completion_tokens", f"needed by the component {spec.name}, which counts tokens")


def _common(batch: Batch) -> Recipe:
    if batch.rewards is not None:
        return _checked(batch.rewards, "rewards")
    return _named(DEFAULT if batch.profile is None else batch.profile, "profile")


def _named(name: str, path: str) -> Recipe:
    specs = PROFILES.get(name)
    if specs is None:
        raise _refuse(path, f"one of {', '.join(sorted(PROFILES))}")
    return Recipe(specs)


def _checked(specs: tuple[RewardSpec, ...], path: str) -> Recipe:
    names = [spec.name for spec in specs]
    for index, spec in enumerate(specs):
        check_params(spec.name, spec.params, f"{path}.{index}")
        if spec.name in names[:index]:
            raise _refuse(f"{path}.{index}.name", "each component once")
    return Recipe(specs)


def _refuse(path: str, message: str) -> Unprocessable:
    return Unprocessable("the recipe cannot be used", errors=[{"path": path, "message": message}])


def catalogue() -> list[dict[str, Any]]:
    """GET /v1/rewards: each component with what it means and the JSON Schema of its parameters."""
    return [
        {
            "name": component.name,
            "description": component.description,
            "needs_task": component.judges,
            "params": params_schema(component.name),
        }
        for component in COMPONENTS.values()
    ]


def recipes() -> list[dict[str, Any]]:
    """GET /v1/profiles: each recipe, written as a request would write it inline."""
    return [{"name": name, "rewards": [spec.model_dump() for spec in specs]} for name, specs in PROFILES.items()]


def queue_of(item: Item, recipe: Recipe, *, judges: bool) -> str:
    """The queue an item goes to.

    Args: judges: whether any judge is configured; see `queue_of_kind`.
    """
    return queue_of_kind(item.task.kind if recipe.judges and item.task is not None else "none", judges=judges)


def queue_of_kind(kind: str, *, judges: bool) -> str:
    """Code goes to the workers that have a sandbox, preference to those that ask judges, all else to the others.

    Where no judge is configured nobody works on that queue: the others say so of such an item.
    """
    if kind == "preference" and judges:
        return "judge"
    return "code" if kind == "code" else "math"
