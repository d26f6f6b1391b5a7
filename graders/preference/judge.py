"""A judge as plain values: which dialect its server speaks, what it is shown, and how its number becomes a score.

Where it is reached and how patiently is app.judge_settings' part, which adds to this class.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MaxLen, MinLen

# Read by app.judge_settings (pydantic): unknown names are refused.
_CLOSED: dict[str, Any] = {"extra": "forbid", "allow_inf_nan": False, "use_attribute_docstrings": True}

Dialect = Literal[
    "vllm-classify",
    "vllm-score",
    "vllm-pooling",
    "sglang-classify",
    "sglang-embeddings",
    "tei-predict",
    "chat-score",
    "chat-pairwise",
]

RAW_MAX = 1e9
"""The largest magnitude of a raw score, so that no weight makes a reward infinite."""

Bounded = Annotated[float, Ge(-RAW_MAX), Le(RAW_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`min` becomes 0, `max` becomes 1, in a straight line; what lies outside is clipped. `min` > `max` inverts it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _CLOSED

    kind: Literal["linear"] = "linear"
    min: Bounded
    max: Bounded

    def __post_init__(self) -> None:
        if self.min == self.max:
            raise ValueError("min and max of a linear scale must differ")

    def score(self, raw: float) -> float:
        """In [0, 1]."""
        return min(max((raw - self.min) / (self.max - self.min), 0.0), 1.0)

    @property
    def worst(self) -> float:
        """The lowest score there is."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid:
    """1 / (1 + exp(-(raw - center) / width)): for reward models whose numbers have no bounds (Bradley-Terry)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _CLOSED

    kind: Literal["sigmoid"]
    center: Bounded = 0.0
    width: Annotated[float, Gt(0)] = 1.0

    def score(self, raw: float) -> float:
        """In [0, 1]."""
        at = (raw - self.center) / self.width
        if at >= 0:
            return 1.0 / (1.0 + math.exp(-min(at, 700.0)))
        tail = math.exp(max(at, -700.0))
        return tail / (1.0 + tail)

    @property
    def worst(self) -> float:
        """The lowest score there is."""
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The number as it is, but never below `floor`, which is also what an answer gets that cannot be judged."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _CLOSED

    kind: Literal["raw"]
    floor: Bounded

    def score(self, raw: float) -> float:
        """From the floor to RAW_MAX."""
        return min(max(raw, self.floor), RAW_MAX)

    @property
    def worst(self) -> float:
        """The lowest score there is."""
        return self.floor


Scale = Linear | Sigmoid | Raw

CHAT_SCORE_SCALE = Linear(min=1, max=10)
"""The scale of a chat judge that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What decides a judgement, apart from the model itself."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _CLOSED

    dialect: Dialect
    """What the server at the URL speaks (docs/judges.md has a table to paste for each)."""
    model: Annotated[str, MinLen(1), MaxLen(256)] | None = None
    """The model's name, as the server knows it; chat judges need one."""
    scope: Literal["answer", "full"] = "answer"
    """What the judge is shown: the part after the last `</think>` (DeepSeek-R1's helpfulness), or the whole completion
    (its safety)."""
    scale: Scale | None = None
    """How the judge's number becomes a score; reward models need one, chat-score has 1 to 10, chat-pairwise its own."""
    threshold: float | None = None
    """With it the judge decides yes or no: a score of at least this is correct and 1, below it is wrong and 0."""
    template: Annotated[str, MaxLen(65_536)] | None = None
    """Text with `{prompt}` and `{completion}`, for servers that do not apply the model's chat template themselves."""
    special_tokens: Annotated[tuple[Annotated[str, MinLen(2), MaxLen(128)], ...], MaxLen(256)] = ()
    """Control tokens of the judge's tokenizer besides the usual ones; broken up where a completion spells them."""
    characters_max: Annotated[int, Ge(1), Le(2**24)] = 100_000
    """Characters of what is judged; a longer one is not sent and gets the lowest score. Keep it within the model's
    context, or long answers end as errors instead."""
    class_index: Annotated[int, Ge(-1024), Le(1024)] = -1
    """Which of several numbers counts (vLLM, SGLang); -1 is the last, and right for reward models, which give one."""
    label: Annotated[str, MaxLen(256)] | None = None
    """Which of several labels counts (TEI, which sorts them by score); not needed where there is one."""
    activation: bool | None = None
    """Whether the server applies the model's activation (vLLM: use_activation, TEI: the opposite of raw_scores)."""
    instructions: Annotated[str, MaxLen(32_768)] | None = None
    """What a chat judge is to look for; a rubric. None: helpfulness, correctness and clarity."""
    votes: Annotated[int, Ge(1), Le(16)] = 1
    """Judgements of a chat judge that are averaged; for chat-pairwise, of each order."""
    margin: Annotated[float, Ge(0), Le(2)] = 0.0
    """chat-pairwise: an average nearer to a tie than this is a tie. `[[A>B]]` counts 1, `[[A>>B]]` 2."""
    temperature: Annotated[float, Ge(0), Le(2)] = 0.0
    """Temperature of a chat judge."""
    max_tokens: Annotated[int, Ge(16), Le(1_048_576)] = 2048
    """Tokens a chat judge may write, its reasoning included."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of each request's body, as the server knows them; they win over ours."""
    deterministic: bool = False
    """Equal questions get equal replies, so that verdicts may be cached."""

    def __post_init__(self) -> None:
        chat = self.dialect.startswith("chat-")
        if chat and self.model is None:
            raise ValueError(f"{self.dialect} needs `model`")
        if self.dialect == "chat-pairwise" and self.scale is not None:
            raise ValueError("chat-pairwise has a scale of its own: leave `scale` out")
        if self.dialect == "chat-score" and not isinstance(self.scale, Linear | None):
            raise ValueError("chat-score needs a linear scale: the judge is told its ends")
        if not chat and self.scale is None:
            raise ValueError(f"{self.dialect} needs `scale`: nothing says how far a reward model's numbers go")
        if self.dialect.startswith("sglang-") and self.template is None:
            raise ValueError(f"{self.dialect} needs `template`: the server takes text and applies no chat template")
        if self.template is not None and "{completion}" not in self.template:
            raise ValueError("`template` must have {completion} in it")
        if (chat or self.dialect == "vllm-score") and self.template is not None:
            raise ValueError(f"{self.dialect} takes no `template`")

    @property
    def worst(self) -> float:
        """What an answer gets that the judge is not asked about: nothing there, or too long."""
        return 0.0 if self.scale is None or self.threshold is not None else self.scale.worst
