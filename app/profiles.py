"""Recipes: which components make a reward, with which weights; built in, written inline, or an operator's.

An operator's are tables `[profiles.NAME]` of the settings file, or of the TOML files that the setting `profiles_path`
names. What is asked for is checked once and becomes a Recipe for each kind of task; all of them have the same names of
components, since trainers take the first item's for everybody's.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError
from pydantic_core import to_json

from app.errors import Unprocessable
from app.schemas import Batch, Components, Item, RecipeSpec, RewardSpec, check_params, field_errors, params_schema
from app.settings import Settings
from graders.components import COMPONENTS
from graders.task import Task


def _spec(name: str, **params: Any) -> RewardSpec:
    return RewardSpec(name=name, params=params)


PROFILES: dict[str, RecipeSpec] = {
    name: RecipeSpec(components=components)
    for name, components in {
        "accuracy": (_spec("accuracy"),),
        "r1-zero": (_spec("accuracy"), _spec("format")),
        "r1": (_spec("accuracy"), _spec("format"), _spec("language")),
        "r1-general": (_spec("preference"), _spec("format"), _spec("language")),
        "dapo": (_spec("accuracy", values="signed"), _spec("soft_overlong")),
        "open-r1": (_spec("accuracy"), _spec("format", style="open-r1"), _spec("tag_count")),
        "trl-think": (_spec("accuracy"), _spec("format", style="trl-think")),
    }.items()
}
"""Built-in recipes by name; docs/rewards.md says where each is from."""

DEFAULT = "accuracy"

KINDS = frozenset(kind.__dataclass_fields__["kind"].default for kind in get_args(Task)) | {"preference", "none"}
"""What a recipe's `kinds` may name: the kinds of task, and "none" for an item without one."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for one kind of task, checked: its components exist, once each, and their parameters fit.

    Args:
        specs: the components that count.
        names: of every component of the recipe, for whichever kind: the keys of each result.
        clip: bounds of the sum.
        undecided: what an undecided verdict is worth: as a wrong one, or nothing (no reward).
        truncated: what a truncated completion is worth: as it is, as a wrong answer, or nothing.
        counted: names and parameters of the components that count tokens.
    """

    specs: tuple[RewardSpec, ...]
    names: tuple[str, ...] = ()
    clip: tuple[float, float] | None = None
    undecided: Literal["wrong", "null"] = "wrong"
    truncated: Literal["graded", "wrong", "null"] = "graded"
    counted: tuple[tuple[str, Any], ...] = field(default=(), compare=False)
    judges: bool = field(init=False)
    """True when an item with this recipe must have a task."""
    relative: tuple[RewardSpec, ...] = field(init=False)
    """The components that look at a whole group."""
    scored: tuple[tuple[str, Mapping[str, Any]], ...] = field(init=False)
    """Name and parameters of the components that a worker scores."""
    asks: bool = field(init=False)
    """True when a component looks at what the user said last."""

    def __post_init__(self) -> None:
        rows = [(spec, COMPONENTS[spec.name]) for spec in self.specs]
        object.__setattr__(self, "judges", any(row.judges for _, row in rows))
        object.__setattr__(self, "asks", any(row.asks for _, row in rows))
        object.__setattr__(self, "relative", tuple(spec for spec, row in rows if row.relative is not None))
        scored = tuple((spec.name, spec.params) for spec, row in rows if row.score is not None)
        object.__setattr__(self, "scored", scored)

    def as_json(self) -> dict[str, Any]:
        """What is needed to add up results, and `from_json` reads back: no parameters."""
        return {
            "specs": [[spec.name, spec.weight, spec.gate] for spec in self.specs],
            "names": self.names,
            "clip": self.clip,
            "undecided": self.undecided,
            "truncated": self.truncated,
        }

    @classmethod
    def from_json(cls, value: Any) -> "Recipe":
        """The recipe of its JSON; the release before ours wrote a list of components only."""
        if isinstance(value, list):
            value = {"specs": value, "names": [name for name, _, _ in value]}
        specs = tuple(RewardSpec(name=name, weight=weight, gate=gate) for name, weight, gate in value.pop("specs"))
        names, clip = tuple(value.pop("names")), value.pop("clip", None)
        return cls(specs, names, None if clip is None else (clip[0], clip[1]), **value)


@dataclass(frozen=True, slots=True)
class _Known:
    """A recipe for every kind of task."""

    usual: Recipe
    by_kind: Mapping[str, Recipe]

    def of(self, item: Item) -> Recipe:
        return self.by_kind.get(kind_of(item), self.usual)


def kind_of(item: Item) -> str:
    """The kind of an item's task; "none" without one."""
    return item.task.kind if item.task is not None else "none"


def recipes_of(batch: Batch, settings: Settings | None = None, *, whole: bool = False) -> list[Recipe]:
    """Each item's recipe: its own, else the batch's, else accuracy alone.

    Args:
        settings: where an operator's recipes are; None: the built-in ones.
        whole: all completions of each prompt are in this batch, so that components may look at groups.

    Returns: one a item, in order; equal specifications share one Recipe.
    Raises: Unprocessable if a name, a parameter or what a component needs is missing or wrong.
    """
    if batch.profile is not None and batch.rewards is not None:
        raise _refuse("profile", "give either profile or rewards, not both")
    named = _profiles(settings)
    inline: dict[int, _Known] = {}
    common: _Known | None = None
    recipes = []
    for index, item in enumerate(batch.items):
        path = f"items.{index}"
        if item.profile is not None and item.rewards is not None:
            raise _refuse(f"{path}.profile", "give either profile or rewards, not both")
        if item.rewards is not None:
            known = inline.get(id(item.rewards))
            if known is None:
                known = inline[id(item.rewards)] = _checked(item.rewards, f"{path}.rewards")
        elif item.profile is not None:
            known = _named(item.profile, named, f"{path}.profile")
        else:
            common = common or _common(batch, named)
            known = common
        recipe = known.of(item)
        check_item(item, recipe, path, whole=whole)
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
    return [
        grown.setdefault(
            id(recipe),
            replace(recipe, specs=recipe.specs + specs, names=recipe.names + tuple(spec.name for spec in specs)),
        )
        for recipe in recipes
    ]


def recipe_named(name: str, settings: Settings | None = None, kind: str = "") -> Recipe:
    """A recipe by its name, for a kind of task; without one, for those kinds that it does not name.

    Raises: Unprocessable when there is none of the name.
    """
    known = _named(name, _profiles(settings), "profile")
    return known.by_kind.get(kind, known.usual)


def check_item(item: Item, recipe: Recipe, path: str, *, whole: bool) -> None:
    """Refuse an item that lacks what its recipe looks at.

    Args: whole: as in recipes_of.
    Raises: Unprocessable, with paths below `path`.
    """
    for spec in recipe.specs:
        component = COMPONENTS[spec.name]
        if component.judges and item.task is None:
            raise _refuse(f"{path}.task", f"needed by the component {spec.name}")
        if component.kind is not None and item.task is not None and item.task.kind != component.kind:
            raise _refuse(f"{path}.task.kind", f"the component {spec.name} needs a task of kind {component.kind}")
        if component.relative is not None and not whole:
            raise _refuse(
                f"{path}.rewards" if item.rewards is not None else f"{path}.profile",
                f"the component {spec.name} compares the completions of a prompt, so it needs all of them in one"
                " POST /v1/grade; a job has them in pieces",
            )
    if item.completion_tokens is None:
        for name, params in recipe.counted:
            settled = COMPONENTS[name].settled
            if settled is None or not settled(item.completion_text, params):
                raise _refuse(f"{path}.completion_tokens", f"needed by the component {name}, which counts tokens")


def _common(batch: Batch, named: Mapping[str, _Known]) -> _Known:
    if batch.rewards is not None:
        return _checked(batch.rewards, "rewards")
    return _named(DEFAULT if batch.profile is None else batch.profile, named, "profile")


def _named(name: str, named: Mapping[str, _Known], path: str) -> _Known:
    known = named.get(name)
    if known is None:
        raise _refuse(path, f"one of {', '.join(sorted(named))}")
    return known


def _checked(spec: Components | RecipeSpec, path: str) -> _Known:
    if not isinstance(spec, RecipeSpec):
        return _Known(_recipe(spec, path, RecipeSpec(components=spec), _names([spec])), {})
    for kind in spec.kinds:
        if kind not in KINDS:
            raise _refuse(f"{path}.kinds.{kind[:64]}", f"one of {', '.join(sorted(KINDS))}")
    names = _names([spec.components, *spec.kinds.values()])
    usual = _recipe(spec.components, f"{path}.components", spec, names)
    by_kind = {kind: _recipe(specs, f"{path}.kinds.{kind}", spec, names) for kind, specs in spec.kinds.items()}
    return _Known(usual, by_kind)


def _names(lists: Sequence[Components]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec.name for specs in lists for spec in specs))


def _recipe(specs: Components, path: str, spec: RecipeSpec, names: tuple[str, ...]) -> Recipe:
    counted = []
    for index, one in enumerate(specs):
        params = check_params(one.name, one.params, f"{path}.{index}")
        if any(one.name == other.name for other in specs[:index]):
            raise _refuse(f"{path}.{index}.name", "each component once")
        if getattr(params, "unit", "") == "tokens":
            counted.append((one.name, params))
    return Recipe(specs, names, spec.clip, spec.undecided or "null", spec.truncated or "null", tuple(counted))


def _refuse(path: str, message: str) -> Unprocessable:
    return Unprocessable("the recipe cannot be used", errors=[{"path": path, "message": message}])


# Operators' recipes.


class ProfilesRefused(ValueError):
    """Recipes of an operator that cannot be used.

    Args: problems: one sentence each, with the file, the path in it and what is wrong there.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


def profiles_of(settings: Settings | None) -> Mapping[str, RecipeSpec]:
    """Every recipe by name: the built-in ones, the settings file's, and those of `profiles_path`.

    Raises: ProfilesRefused.
    """
    if settings is None:
        return PROFILES
    return _load(settings.profiles_path, json.dumps(settings.profiles, sort_keys=True, default=str))


@lru_cache(maxsize=8)
def _load(path: Path | None, tables: str) -> Mapping[str, RecipeSpec]:
    found, problems = dict(PROFILES), []
    sources: list[tuple[str, Any]] = [("settings", json.loads(tables))]
    for file in _files(path):
        try:
            value = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            problems.append(f"{file}: {error}")
            continue
        problems += [
            f"{file}: {name}: only tables [profiles.NAME] belong here" for name in sorted(set(value) - {"profiles"})
        ]
        sources.append((str(file), value.get("profiles", {})))
    for source, profiles in sources:
        if not isinstance(profiles, dict):
            problems.append(f"{source}: profiles: not a table")
            continue
        for name, table in profiles.items():
            spec, wrong = _read(name, table)
            if name in found:
                wrong.append(f"profiles.{name}: the name is taken")
            problems += [f"{source}: {problem}" for problem in wrong]
            if spec is not None and not wrong:
                found[name] = spec
    if problems:
        raise ProfilesRefused(problems)
    return found


def _files(path: Path | None) -> list[Path]:
    if path is None:
        return []
    return sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _read(name: str, table: Any) -> tuple[RecipeSpec | None, list[str]]:
    """A recipe of its table, and what is wrong with it."""
    if not _NAME.fullmatch(name):
        return None, [f"profiles.{name[:64]!r}: a name is letters, digits, '.', '_' and '-', at most 64"]
    try:
        spec = RecipeSpec.model_validate_json(to_json(table))
        _checked(spec, f"profiles.{name}")
    except ValidationError as error:
        return None, [f"profiles.{name}.{entry['path']}: {entry['message']}" for entry in field_errors(error)]
    except Unprocessable as refused:
        return None, [f"{entry['path']}: {entry['message']}" for entry in refused.errors]
    return spec, []


def _profiles(settings: Settings | None) -> Mapping[str, _Known]:
    if settings is None:
        return _known(None, "{}")
    return _known(settings.profiles_path, json.dumps(settings.profiles, sort_keys=True, default=str))


@lru_cache(maxsize=8)
def _known(path: Path | None, tables: str) -> Mapping[str, _Known]:
    return {name: _checked(spec, name) for name, spec in _load(path, tables).items()}


# What the catalogue routes answer.


def catalogue() -> list[dict[str, Any]]:
    """GET /v1/rewards: each component with what it means and the JSON Schema of its parameters."""
    return [
        {
            "name": component.name,
            "description": component.description,
            "needs_task": component.judges,
            "task_kind": component.kind,
            "group_relative": component.relative is not None,
            "params": params_schema(component.name),
        }
        for component in COMPONENTS.values()
    ]


def recipes(settings: Settings | None = None) -> list[dict[str, Any]]:
    """GET /v1/profiles: each recipe, written as a request would write it inline."""
    return [{"name": name, "rewards": as_inline(spec)} for name, spec in profiles_of(settings).items()]


def as_inline(spec: RecipeSpec) -> Any:
    """A recipe as a request would write it: a list of components where that says all."""
    value = spec.model_dump(mode="json")
    plain = RecipeSpec(components=spec.components) == spec
    return value["components"] if plain else value


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
