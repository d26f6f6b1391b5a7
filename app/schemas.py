"""The contract as models: what a request may say, and what a response looks like.

Tasks are graders.task's own dataclasses, validated here. A body is checked by json_edge, then parsed into these
models; errors name the path of each bad field and never its value.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import to_json

import graders.task
from app.errors import TooLarge, Unprocessable
from app.json_edge import check_json
from app.settings import Settings
from graders.components import COMPONENTS
from graders.errors import ParameterRefused
from graders.task import Task
from graders.work import Work

_REQUEST = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
_RESPONSE = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class Message(BaseModel):
    """One turn of a chat."""

    model_config = _REQUEST

    role: Annotated[str, Field(max_length=64)]
    content: str


Text = str | tuple[Message, ...]


class RewardSpec(BaseModel):
    """One component of a recipe."""

    model_config = _REQUEST

    name: str
    """A component of GET /v1/rewards."""
    weight: Annotated[float, Field(ge=-1e9, le=1e9)] = 1.0
    gate: bool = False
    """0 here makes the whole reward 0."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters, as the component's JSON Schema says."""


Components = Annotated[tuple[RewardSpec, ...], Field(min_length=1, max_length=64)]

Bound = Annotated[float, Field(ge=-1e12, le=1e12)]


class RecipeSpec(BaseModel):
    """A recipe with all that it may say; a plain list of components stands for one that says nothing else."""

    model_config = _REQUEST

    components: Components
    """What counts, for every kind of task that `kinds` does not name."""
    kinds: dict[str, Components] = Field(default_factory=dict)
    """What counts instead for one kind of task ("math", "code", ..., or "none" for an item without a task)."""
    clip: tuple[Bound, Bound] | None = None
    """The least and the greatest reward; what lies outside becomes the bound."""
    undecided: Literal["wrong", "null"] | None = "wrong"
    """What an answer is worth that is too costly to decide: as a wrong one, or null: no reward."""
    truncated: Literal["graded", "wrong", "null"] | None = "graded"
    """What a completion is worth that was cut at its limit: as it is, as a wrong answer, or null: no reward."""

    @field_validator("clip")
    @classmethod
    def _in_order(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and clip[0] > clip[1]:
            raise ValueError("the first is the least")
        return clip


def _rewards_tag(value: object) -> str:
    return "recipe" if isinstance(value, dict | RecipeSpec) else "components"


Rewards = Annotated[
    Annotated[Components, Tag("components")] | Annotated[RecipeSpec, Tag("recipe")], Discriminator(_rewards_tag)
]
_TAGS = {("rewards", "components"), ("rewards", "recipe")}

Statistic = Literal["mean", "std", "pass_rate", "advantage"]
STATISTICS: tuple[Statistic, ...] = get_args(Statistic)


class Item(BaseModel):
    """One completion and what it is judged against."""

    model_config = _REQUEST

    id: Annotated[str, Field(max_length=128)] | None = None
    """Echoed."""
    prompt: Text = ""
    """What the model was asked: text or chat messages."""
    completion: Text
    """What it answered: text or chat messages, of which the assistant's count."""
    task: Annotated[Task, Field(discriminator="kind")] | None = None
    """What it is judged against; may be left out when no component needs a verdict."""
    group: Annotated[str, Field(max_length=1024)] | None = None
    """The prompt's group; without it, items with equal `prompt` and `task` form one."""
    profile: str | None = None
    rewards: Rewards | None = None
    metadata: dict[str, Any] | None = None
    """Echoed."""
    completion_tokens: Annotated[int, Field(ge=0, le=10**9)] | None = None
    """How many tokens the completion has, for components that measure length in tokens."""
    truncated: bool = False
    """The completion was cut at the limit of its length; what that is worth is the recipe's `truncated`."""

    @property
    def completion_text(self) -> str:
        """The completion as one text: of messages, the assistant's turns joined by a line break."""
        if isinstance(self.completion, str):
            return self.completion
        return "\n".join(turn.content for turn in self.completion if turn.role == "assistant")

    @property
    def prompt_text(self) -> str:
        """The prompt as one text: of messages, all turns joined by a blank line."""
        if isinstance(self.prompt, str):
            return self.prompt
        return "\n\n".join(turn.content for turn in self.prompt)


class Items(BaseModel):
    """Items and what is common to them."""

    model_config = _REQUEST

    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    profile: str | None = None
    """A recipe of GET /v1/profiles, for the items that name none; without any, accuracy alone."""
    rewards: Rewards | None = None
    """The same written inline."""
    deadline_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds from arrival after which unfinished items come back as `error`."""


class Batch(Items):
    """The body of POST /v1/grade."""

    group: bool | Annotated[tuple[Statistic, ...], Field(min_length=1)] = False
    """Add to each result these numbers about the completions of its prompt; true: all of them."""
    explain: bool = False
    """Add the reference, the first differing output and the like to each verdict."""


class Filter(BaseModel):
    """What a completion must not have to be selected."""

    model_config = _REQUEST

    name: Literal["mixed_language", "long_paragraph", "code_block", "repetition"]
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters, as the component `no_` + name of GET /v1/rewards has them."""


class Selection(Items):
    """The body of POST /v1/select; items with the same `group`, else with equal prompt and task, are chosen from."""

    method: Literal["reject", "best", "vote"]
    """Keep the correct ones, the best by reward, or those whose answer most others give too."""
    filters: Annotated[tuple[Filter, ...], Field(max_length=4)] = ()
    """What drops a completion whatever the method; a dropped one has no vote."""
    keep: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many of a group are kept at most; without it the best one, and with the other methods all."""
    by: Literal["math", "choice", "text", "json"] | None = None
    """For a vote: what makes two answers equal; without it the kind of the group's task, else maths."""


SomeItems = TypeVar("SomeItems", bound=Items)

_BATCH = TypeAdapter(Batch)
_SELECTION = TypeAdapter(Selection)
_PARAMS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(row.params) for name, row in COMPONENTS.items()}

BATCH_SCHEMA = _BATCH.json_schema(ref_template="#/components/schemas/{model}")
SELECTION_SCHEMA = _SELECTION.json_schema(ref_template="#/components/schemas/{model}")


def parse_batch(body: bytes, settings: Settings) -> Batch:
    """The body of POST /v1/grade as a batch within its limits.

    Raises: BadJson, Unprocessable (with the path of each bad field), TooLarge.
    """
    return _parse(_BATCH, body, settings)


def parse_selection(body: bytes, settings: Settings) -> Selection:
    """The body of POST /v1/select within the same limits.

    Raises: BadJson, Unprocessable (with the path of each bad field), TooLarge.
    """
    return _parse(_SELECTION, body, settings)


def _parse(model: TypeAdapter[SomeItems], body: bytes, settings: Settings) -> SomeItems:
    value = check_json(body)
    if isinstance(value, dict) and isinstance(value.get("items"), list) and len(value["items"]) > settings.items_max:
        raise TooLarge(f"more than {settings.items_max} items")
    try:
        batch = model.validate_json(body)
    except ValidationError as error:
        raise Unprocessable("the body does not fit the schema", errors=field_errors(error)) from None
    if batch.deadline_s is not None and batch.deadline_s > settings.deadline_max_s:
        raise Unprocessable(
            "a field is out of range",
            errors=[{"path": "deadline_s", "message": f"at most {settings.deadline_max_s:g} s"}],
        )
    for index, item in enumerate(value["items"]):
        _check_sizes(index, item, batch.items[index], settings)
    return batch


def _check_sizes(index: int, raw: Mapping[str, Any], item: Item, settings: Settings) -> None:
    # A character takes at most four bytes in UTF-8, so most texts pass without being encoded.
    text = item.completion_text
    if len(text) * 4 > settings.completion_bytes_max and len(text.encode()) > settings.completion_bytes_max:
        raise TooLarge(f"items.{index}.completion is over {settings.completion_bytes_max} bytes")
    if raw.get("task") is not None and weight(raw["task"]) > settings.task_bytes_max:
        raise TooLarge(f"items.{index}.task is over {settings.task_bytes_max} bytes")


def weight(value: Any) -> int:
    """About as many bytes as the value's JSON has, without making it."""
    total, level = 0, [value]
    while level:
        entry = level.pop()
        if isinstance(entry, str):
            total += len(entry) if entry.isascii() else len(entry.encode())
        elif isinstance(entry, dict):
            level.extend(entry.values())
            level.extend(entry)
        elif isinstance(entry, list):
            level.extend(entry)
            total += len(entry)
        else:
            total += 8
    return total


def check_params(name: str, params: Mapping[str, Any], path: str) -> Any:
    """A component's parameters as its dataclass.

    Raises: Unprocessable if there is no such component or its parameters do not fit.
    """
    if name not in COMPONENTS:
        known = ", ".join(sorted(COMPONENTS))
        raise Unprocessable("no such component", errors=[{"path": f"{path}.name", "message": f"one of {known}"}])
    try:
        # By way of JSON, since a strict dataclass takes nothing else.
        return _params(name, to_json(params))
    except ValidationError as error:
        errors = [{**entry, "path": f"{path}.params.{entry['path']}"} for entry in field_errors(error)]
        raise Unprocessable("a component's parameters do not fit its schema", errors=errors) from None


@lru_cache(maxsize=1024)
def _params(name: str, text: bytes) -> Any:
    return _PARAMS[name].validate_json(text)


def params_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a component's parameters."""
    return _PARAMS[name].json_schema()


def field_errors(error: ValidationError) -> list[dict[str, str]]:
    """Each bad field once: its path and what is wrong there, never its value.

    Of a union without discriminator pydantic reports every member; those whose `kind` does not match are left out, so
    that a wrong tolerance is not drowned in what the other kinds of tests would have wanted.
    """
    entries = error.errors(include_url=False, include_context=True, include_input=False)
    other_kinds = {entry["loc"][:-1] for entry in entries if len(entry["loc"]) > 1 and entry["loc"][-1] == "kind"}
    kept = [entry for entry in entries if not any(entry["loc"][: len(loc)] == loc for loc in other_kinds)] or entries
    found: dict[str, str] = {}
    for entry in kept:
        if entry["type"] == "too_short" and any(_is_below(other["loc"], entry["loc"]) for other in kept):
            continue  # A list whose members were all refused counts as empty; the members' own errors say why.
        steps = _steps(entry["loc"])
        if isinstance(refused := entry.get("ctx", {}).get("error"), ParameterRefused):
            steps.append(refused.field)
        path = ".".join(steps)
        message = entry["msg"].replace("keyword argument", "field").removeprefix("Value error, ")
        if entry["type"] == "union_tag_invalid":
            message = f"kind must be one of {entry['ctx']['expected_tags']}"
        found.setdefault(path, message)
    return [{"path": path, "message": message} for path, message in list(found.items())[:100]]


def _is_below(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


_MEMBERS = {"str", "float", "int", "math", "choice", "text", "json", "instructions", "code", "preference"} | {
    name for name, value in vars(graders.task).items() if isinstance(value, type)
}


def _steps(loc: tuple[int | str, ...]) -> list[str]:
    """The fields and indices of a path, without what pydantic adds for the members of unions."""
    steps = []
    for before, step in zip((None, *loc), loc, strict=False):
        if before == "kinds" or isinstance(step, int) or (_is_field(step) and (before, step) not in _TAGS):
            steps.append(str(step))
    return steps


def _is_field(step: str) -> bool:
    """False for the names pydantic gives to members of a union ("StdioTests", "literal['tokens']", "tuple[…]")."""
    return step not in _MEMBERS and step.isidentifier()


# What comes back.

Score = Annotated[float | None, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]})]


class ComponentScore(BaseModel):
    """One component's share of a reward."""

    model_config = _RESPONSE

    score: Score
    weight: float


class TestReport(BaseModel):
    """One test of a code task."""

    __test__ = False

    model_config = _RESPONSE

    index: int
    outcome: str
    time_s: float
    memory_bytes: int
    explain: dict[str, Any] | None = None


class TestsReport(BaseModel):
    """The tests of a code task."""

    __test__ = False

    model_config = _RESPONSE

    passed: int
    total: int
    results: list[TestReport]


class VerdictReport(BaseModel):
    """What was found; docs/verdicts.md lists the words."""

    model_config = _RESPONSE

    outcome: Literal["correct", "partial", "wrong", "undecided"]
    reason: str
    method: str | None = None
    answer: str | None = None
    expected: Any = None
    language: str | None = None
    integrity: str | None = None
    isolation: str | None = None
    tests: TestsReport | None = None
    explain: dict[str, Any] | None = None


class Invalid(BaseModel):
    """Why the task could not be used."""

    model_config = _RESPONSE

    code: str
    message: str


class Fault(BaseModel):
    """What failed on our side."""

    model_config = _RESPONSE

    code: str
    message: str
    retryable: bool


class Timing(BaseModel):
    """Seconds an item waited for a worker, and seconds it was being graded."""

    model_config = _RESPONSE

    queue_s: float
    grade_s: float


class GroupReport(BaseModel):
    """Numbers about the completions of one prompt; those asked for are there, null where there is none."""

    model_config = _RESPONSE

    size: int
    mean: Score = None
    std: Score = None
    pass_rate: Score = None
    advantage: Score = None


class Result(BaseModel):
    """What became of one item."""

    model_config = _RESPONSE

    index: int
    id: str | None
    status: Literal["graded", "invalid", "error"]
    reward: Score
    components: dict[str, ComponentScore]
    verdict: VerdictReport | None = None
    invalid: Invalid | None = None
    fault: Fault | None = None
    timing: Timing
    cached: bool
    group: GroupReport | None = None
    metadata: dict[str, Any] | None


class Summary(BaseModel):
    """The batch in numbers; `reward_mean` is over the items that have a reward."""

    model_config = _RESPONSE

    items: int
    graded: int
    invalid: int
    error: int
    correct: int
    reward_mean: Score
    duration_s: float


class BatchResponse(BaseModel):
    """The answer of POST /v1/grade: one result per item, in the order asked."""

    model_config = _RESPONSE

    request_id: str
    grader_version: str
    results: list[Result]
    summary: Summary


class Dropped(BaseModel):
    """An item that was not selected, and why: a word of the closed list in docs/api.md."""

    model_config = _RESPONSE

    index: int
    reason: str


class SelectedGroup(BaseModel):
    """What was selected from the completions of one prompt."""

    model_config = _RESPONSE

    group: str | None
    selected: list[int]
    answer: str | None
    votes: int | None
    dropped: list[Dropped]


class SelectionSummary(BaseModel):
    """The selection in numbers; `empty` counts groups of which nothing was selected."""

    model_config = _RESPONSE

    items: int
    groups: int
    selected: int
    empty: int
    dropped: dict[str, int]
    duration_s: float


class SelectionResponse(BaseModel):
    """The answer of POST /v1/select: one entry a group, in the order of their first items."""

    model_config = _RESPONSE

    request_id: str
    grader_version: str
    groups: list[SelectedGroup]
    summary: SelectionSummary


class FieldError(BaseModel):
    """One bad field."""

    path: str
    message: str


class ProblemDocument(BaseModel):
    """application/problem+json (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldError] | None = None


def task_json(task: Task) -> dict[str, Any]:
    """A task as the JSON that `task_from_json` reads back."""
    return cast("dict[str, Any]", _TASK.dump_python(task, mode="json"))


def task_from_json(value: Any) -> Task:
    """A task of its JSON.

    Raises: ValidationError.
    """
    return _TASK.validate_json(to_json(value))


def work_from_json(value: Any) -> Work:
    """What a chunk asks for, checked once more: a chunk comes from Redis, which is not only ours.

    Raises: ValidationError.
    """
    return _WORK.validate_json(to_json(value))


def work_json(work: Work) -> dict[str, Any]:
    """The JSON that `work_from_json` reads back."""
    return cast("dict[str, Any]", _WORK.dump_python(work, mode="json"))


_TASK: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="kind")])
_WORK: TypeAdapter[Work] = TypeAdapter(Annotated[Work, Field(discriminator="kind")])
