"""The catalogue of reward components: from what is known of one item to one number, or None for "no score".

A component is a function, a frozen dataclass of parameters and a row in COMPONENTS; what a family computes is in a file
of its own (format.py, shaping/). Most look at one item. A relative one looks at all completions of a prompt at once, so
it is scored where the whole request is known (app.groups), and never in a worker. Nothing here adds up; reward.py does.

docs/rewards.md has each formula with its parameters and source; tests/golden/rewards.json holds the figures of the
published functions that the same parameters give here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le, Len, MaxLen, MinLen

from graders import format as format_style
from graders.errors import ParameterRefused
from graders.shaping import blocks
from graders.shaping import language as languages
from graders.shaping import length as lengths
from graders.shaping import repetition as repeats
from graders.shaping.parts import Scope, Unit, length, part
from graders.verdict import Outcome, Verdict

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "use_attribute_docstrings": True}

Value = Annotated[float, Ge(-1e6), Le(1e6)]
Length = Annotated[int, Ge(1), Le(10**9)]

if TYPE_CHECKING:
    Target = str
    TargetOrOwn = str
else:
    Target = Literal[("prompt", *languages.LANGUAGES)]
    TargetOrOwn = Literal[("own", "prompt", *languages.LANGUAGES)]


@dataclass(frozen=True, slots=True)
class Item:
    """What a component may look at.

    Args:
        completion: text.
        prompt: what was asked: of messages the last user's turn.
        verdict: where a component of the recipe asks for one.
        tokens: how many the completion has, when the request says so.
    """

    completion: str
    verdict: Verdict | None = None
    prompt: str = ""
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One completion of a group, as a relative component sees it.

    Args:
        measured: what the component measured of it; None where that cannot be had.
        correct: whether its answer is right; None where no verdict was found.
    """

    measured: float | None
    correct: bool | None


def _length(completion: str, tokens: int | None, unit: Unit, scope: Scope) -> int | None:
    """A completion's length in a unit; None for tokens that nobody counted."""
    if unit == "tokens":
        return tokens
    return length(part(completion, scope), unit)


def _check_unit(unit: Unit, scope: Scope) -> None:
    if unit == "tokens" and scope != "full":
        raise ParameterRefused("scope", "tokens are counted of the full completion only")


# Accuracy, preference


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyParams:
    """How a verdict becomes a number."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    values: Literal["unit", "binary", "signed"] = "unit"
    """"unit": the verdict's score, 0 for wrong to 1 for correct; "binary": 1 for correct, else 0; "signed": -1 to 1."""
    undecided: Literal["wrong", "null"] = "wrong"
    """What an answer is worth that is too costly to decide: as a wrong one, or no score at all."""


def accuracy(item: Item, params: AccuracyParams) -> float | None:
    """The verdict's score in [0, 1]; 1 for correct and else 0 when binary; 2 * score - 1 when signed.

    Returns: None where there is no verdict, and for an undecided one when the parameters say so.
    Source: the accuracy reward of DeepSeek-R1 (arXiv 2501.12948, section 2.2.2); signed as in DAPO (arXiv 2503.14476).
    """
    if item.verdict is None:
        return None
    if item.verdict.outcome is Outcome.UNDECIDED and params.undecided == "null":
        return None
    if params.values == "binary":
        return float(item.verdict.outcome is Outcome.CORRECT)
    return 2 * item.verdict.score - 1 if params.values == "signed" else item.verdict.score


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceParams:
    """How a judge's score becomes a number."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    values: Literal["unit", "signed"] = "unit"
    """"unit": the score, 0 to 1; "signed": -1 to 1."""


def preference(item: Item, params: PreferenceParams) -> float | None:
    """The score of a preference task's verdict in [0, 1], or 2 * score - 1 when signed.

    Returns: None where there is no verdict.
    Source: the reward model's part of DeepSeek-R1's last stage (arXiv 2501.12948, section 2.3.4).
    """
    if item.verdict is None:
        return None
    return 2 * item.verdict.score - 1 if params.values == "signed" else item.verdict.score


# Format


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatParams:
    """Which shape a completion must have."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    style: format_style.Style = "think-answer"
    """The shape; docs/rewards.md tells each."""
    prefilled_think: bool = False
    """The prompt's template already opened the `<think>` tag."""
    language: Annotated[str, MinLen(1), MaxLen(32)] | None = None
    """Of a fence, for "code-fence" (any, when not named) and "open-r1-code" (python, when not named)."""
    pattern: Annotated[str, MaxLen(format_style.PATTERN_CHARS_MAX)] | None = None
    """For "regex": an RE2 pattern that must be found in the completion; anchor it with `\\A` and `\\z`."""

    def __post_init__(self) -> None:
        if (self.style == "regex") != (self.pattern is not None):
            raise ParameterRefused("pattern", "goes with style regex, and style regex with it")
        if self.language is not None and self.style not in {"code-fence", "open-r1-code"}:
            raise ParameterRefused("language", "goes with the styles code-fence and open-r1-code")
        if self.pattern is not None:
            try:
                format_style.compiled(self.pattern)
            except ValueError as error:
                # What follows the colon is a piece of the pattern.
                reason = str(error).partition(":")[0]
                raise ParameterRefused("pattern", f"RE2 refuses it: {reason}") from None


def format_score(item: Item, params: FormatParams) -> float | None:
    """1 when the completion has the style's shape, else 0 (graders.format.score).

    Source: the format reward of DeepSeek-R1 (arXiv 2501.12948, section 2.2.2), open-r1, TRL and ms-swift by style.
    """
    return format_style.score(
        item.completion,
        params.style,
        prefilled_think=params.prefilled_think,
        language=params.language,
        pattern=params.pattern,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCountParams:
    """Which tags must be there."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    tags: Annotated[tuple[Annotated[str, MinLen(1), MaxLen(64)], ...], Len(1, 16)] = (
        "<think>\n",
        "\n</think>\n",
        "\n<answer>\n",
        "\n</answer>",
    )
    """Texts that each must stand exactly once."""
    prefilled_think: bool = False
    """The prompt's template already wrote `<think>` and a line break."""


def tag_count(item: Item, params: TagCountParams) -> float | None:
    """The share of the tags that stand exactly once; open-r1's four tags by default, a quarter each.

    Source: huggingface/open-r1 tag_count_reward.
    """
    text = "<think>\n" + item.completion if params.prefilled_think else item.completion
    return sum(text.count(tag) == 1 for tag in params.tags) / len(params.tags)


# Language, repetition, steps


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageParams:
    """Which language a part must be in."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    target: Target = "prompt"
    """A language by its ISO 639-1 code, or "prompt": that of the prompt, of messages the last user's turn; without
    words there, the part's own main one."""
    scope: Scope = "think"
    """Which part is looked at; without tags the whole text is the chain of thought."""


def language(item: Item, params: LanguageParams) -> float | None:
    """Words of the target language / all words, over the chain of thought; code and mathematics are left out.

    Returns: 0 to 1; 0 where there is no word at all.
    Source: the language consistency reward of DeepSeek-R1 (arXiv 2501.12948, section 2.3.2); graders.shaping.language
        says what a word is.
    """
    target = languages.of_prompt(item.prompt) if params.target == "prompt" else params.target
    return languages.consistency(part(item.completion, params.scope), target)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepetitionParams:
    """What counts as repeated, and what it costs."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    ngram: Annotated[int, Ge(1), Le(64)] = 3
    """How many pieces in a row are compared."""
    max_penalty: Annotated[float, Ge(-1e6), Le(0)] = -1.0
    """The score that a text of nothing but repetition comes close to."""
    over: repeats.Over = "mixed"
    """Pieces: "words" at white space; "characters"; "mixed": words, and each character of Han, kana, Thai and alike."""
    scope: Scope = "full"
    """Which part is looked at."""


def repetition(item: Item, params: RepetitionParams) -> float | None:
    """(1 - different n-grams / n-grams) * max_penalty; 0 for a text too short to have one. Case does not count.

    Source: arXiv 2502.03373, appendix C.2; with over = "words" as in open-r1 (en) and ms-swift.
    """
    share = repeats.repeated_share(part(item.completion, params.scope), params.ngram, params.over)
    return share * params.max_penalty if share else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningStepsParams:
    """How many steps are enough."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    steps: Annotated[int, Ge(1), Le(1000)] = 3
    """Marks from which on the score is 1."""
    every_line: bool = False
    """Numbers ("1.") count at the start of each line, not only of the text."""
    scope: Scope = "full"
    """Which part is looked at."""


def reasoning_steps(item: Item, params: ReasoningStepsParams) -> float | None:
    """Marks of steps ("Step 1:", "First,", bullets, ...) / steps, at most 1. Easily gamed; keep its weight low.

    Source: huggingface/open-r1 reasoning_steps_reward.
    """
    marks = repeats.step_marks(part(item.completion, params.scope), every_line=params.every_line)
    return min(1.0, marks / params.steps)


# Length


@dataclass(frozen=True, slots=True, kw_only=True)
class CosineLengthParams:
    """The bounds of the cosine."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    max_length: Length = 1000
    """Where the half cosine ends."""
    min_value_wrong: Value = -1.0
    """A wrong answer of length 0."""
    max_value_wrong: Value = -0.5
    """A wrong answer of max_length."""
    min_value_correct: Value = 0.5
    """A correct answer of max_length."""
    max_value_correct: Value = 1.0
    """A correct answer of length 0."""
    unit: Unit = "characters"
    """"tokens" needs `completion_tokens` on each item."""
    scope: Scope = "full"
    """Which part is measured."""
    clamp: bool = True
    """Longer stays at the value of max_length (TRL); false: the cosine comes back up (open-r1, ms-swift)."""

    def __post_init__(self) -> None:
        _check_unit(self.unit, self.scope)


def cosine_length(item: Item, params: CosineLengthParams) -> float | None:
    """Correct: from max_value_correct when short to min_value_correct; wrong: from min_value_wrong to max_value_wrong.

    long + (short - long) * (1 + cos(pi * length / max_length)) / 2; anything but a correct verdict is wrong.

    Returns: None where there is no verdict.
    Source: arXiv 2502.03373, appendix C.1; TRL get_cosine_scaled_reward, open-r1, ms-swift CosineReward.
    """
    measured = _length(item.completion, item.tokens, params.unit, params.scope)
    if item.verdict is None or measured is None:
        return None
    return lengths.cosine(
        measured,
        correct=item.verdict.outcome is Outcome.CORRECT,
        length_max=params.max_length,
        wrong=(params.min_value_wrong, params.max_value_wrong),
        right=(params.max_value_correct, params.min_value_correct),
        clamp=params.clamp,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftOverlongParams:
    """Where the penalty begins and ends."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    max_length: Length = 20_480
    """Where the score is -1."""
    cache: Annotated[int, Ge(0), Le(10**9)] = 4096
    """How far before max_length it leaves 0."""
    unit: Unit = "tokens"
    """"tokens" needs `completion_tokens` on each item whose bytes alone do not show that it is short enough."""
    scope: Scope = "full"
    """Which part is measured."""
    clamp: bool = True
    """Longer stays at -1 (TRL, open-r1); false: the line goes on (ms-swift, verl)."""

    def __post_init__(self) -> None:
        _check_unit(self.unit, self.scope)
        if self.cache > self.max_length:
            raise ParameterRefused("cache", "at most max_length")
        if not self.cache and not self.clamp:
            raise ParameterRefused("cache", "at least 1 where clamp is false")


def soft_overlong(item: Item, params: SoftOverlongParams) -> float | None:
    """0 up to max_length - cache, then (max_length - cache - length) / cache, -1 beyond max_length.

    Returns: -1 to 0; None for tokens that nobody counted, unless the text is short enough for any tokenizer.
    Source: DAPO (arXiv 2503.14476, equation 13), with its lengths as defaults; TRL, open-r1, ms-swift SoftOverlong.
    """
    measured = _length(item.completion, item.tokens, params.unit, params.scope)
    if measured is None:
        return 0.0 if surely_short(item.completion, params) else None
    return lengths.soft_overlong(measured, length_max=params.max_length, cache=params.cache, clamp=params.clamp)


def surely_short(completion: str, params: SoftOverlongParams) -> bool:
    """A token stands for at least one byte, so a text of few enough bytes has no penalty, whoever counts its tokens."""
    free = params.max_length - params.cache
    return len(completion) <= free and len(completion.encode("utf-8", "replace")) <= free


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthParams:
    """The band of lengths."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    min_length: Annotated[int, Ge(0), Le(10**9)] = 0
    """The shortest length with score 1."""
    max_length: Length = 4096
    """The longest length with score 1."""
    slack: Annotated[int, Ge(0), Le(10**9)] = 0
    """Over how much more, or less, the score falls to 0."""
    unit: Unit = "characters"
    """"tokens" needs `completion_tokens` on each item."""
    scope: Scope = "full"
    """Which part is measured."""

    def __post_init__(self) -> None:
        _check_unit(self.unit, self.scope)
        if self.min_length > self.max_length:
            raise ParameterRefused("min_length", "at most max_length")


def length_score(item: Item, params: LengthParams) -> float | None:
    """1 from min_length to max_length; outside, 1 - excess / slack, not below 0.

    Source: our own; the limits of open-instruct's max_len and up_to_max_len as one band.
    """
    measured = _length(item.completion, item.tokens, params.unit, params.scope)
    if measured is None:
        return None
    return lengths.band(measured, length_min=params.min_length, length_max=params.max_length, slack=params.slack)


# Filters: what rejection sampling drops, as 1 (pass) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMixedLanguageParams:
    """How much of another language is too much."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    target: TargetOrOwn = "own"
    """A language by its ISO 639-1 code, "prompt": the prompt's, or "own": the one that most of the part is in."""
    share_min: Annotated[float, Ge(0), Le(1)] = 0.9
    """The share of words that must be in it."""
    scope: Scope = "think"
    """Which part is looked at; without tags the whole text is the chain of thought."""


def no_mixed_language(item: Item, params: NoMixedLanguageParams) -> float | None:
    """1 when a share of the words of at least `share_min` is in one language, else 0; 1 for a text without words.

    Source: DeepSeek-R1's rejection sampling (arXiv 2501.12948, section 2.3.3) drops chains of thought with mixed
        languages; the share is that of `language`, the threshold our own.
    """
    text = part(item.completion, params.scope)
    target: str = params.target
    if target == "prompt":
        target = languages.of_prompt(item.prompt) or "own"
    found = languages.own_share(text) if target == "own" else languages.share(text, target)
    return float(found is None or found >= params.share_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLongParagraphParams:
    """How long a paragraph may be."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    characters_max: Length = 2000
    """Characters without a blank line between them."""
    scope: Scope = "think"
    """Which part is looked at; without tags the whole text is the chain of thought."""


def no_long_paragraph(item: Item, params: NoLongParagraphParams) -> float | None:
    """1 when no paragraph is longer than `characters_max`, else 0.

    Source: DeepSeek-R1's rejection sampling (arXiv 2501.12948, section 2.3.3) drops chains of thought with long
        paragraphs; the length is our own.
    """
    return float(blocks.longest_paragraph(part(item.completion, params.scope)) <= params.characters_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCodeBlockParams:
    """Where a code block is too much."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    scope: Scope = "think"
    """Which part is looked at; without tags the whole text is the chain of thought."""


def no_code_block(item: Item, params: NoCodeBlockParams) -> float | None:
    """1 when no line opens a code block, else 0.

    Source: DeepSeek-R1's rejection sampling (arXiv 2501.12948, section 2.3.3) drops chains of thought with code blocks.
    """
    return float(not blocks.has_fence(part(item.completion, params.scope)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRepetitionParams:
    """How much repetition is too much."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    ngram: Annotated[int, Ge(1), Le(64)] = 10
    """How many words in a row are compared; long enough that honest text rarely has them twice."""
    share_max: Annotated[float, Ge(0), Le(1)] = 0.2
    """The share of such sequences that may be repetitions of another."""
    scope: Scope = "full"
    """Which part is looked at."""


def no_repetition(item: Item, params: NoRepetitionParams) -> float | None:
    """1 when at most `share_max` of the word sequences repeat another, else 0.

    Source: DeepSeek-R1's cold-start data is filtered for repetition (arXiv 2501.12948, supplement); the share is that
        of `repetition`, length and threshold are our own.
    """
    text = part(item.completion, params.scope)
    return float(repeats.repeated_share(text, params.ngram, "mixed") <= params.share_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class KimiLengthParams:
    """How the lengths of a group are measured."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    unit: Unit = "characters"
    """"tokens" needs `completion_tokens` on each item."""
    scope: Scope = "full"
    """Which part is measured."""

    def __post_init__(self) -> None:
        _check_unit(self.unit, self.scope)


def measured_length(item: Item, params: KimiLengthParams) -> float | None:
    """The completion's length in the unit asked for."""
    return _length(item.completion, item.tokens, params.unit, params.scope)


def kimi_length(members: Sequence[Member], params: KimiLengthParams) -> list[float | None]:
    """0.5 - (length - shortest) / (longest - shortest) in the group; of a wrong answer only what is below 0.

    Returns: -0.5 to 0.5 each; 0 for all when they are of one length; None where no verdict was found.
    Source: Kimi k1.5 (arXiv 2501.12599, section 2.3.3); huggingface/open-r1 len_reward.
    """
    known = [member.measured for member in members if member.measured is not None]
    if len(known) < len(members):
        return [None] * len(members)
    return lengths.kimi(known, [member.correct for member in members])


@dataclass(frozen=True, slots=True)
class Component:
    """One row of the catalogue.

    Args:
        name: what requests call it.
        params: the dataclass of its parameters; every field has a default.
        score: from an item and such parameters to a finite number or None; of a relative one None.
        relative: from all members of a group to a number each, in order.
        measure: what a relative one wants to know of each member.
        judges: True when it needs the verdict, so that an item with it must have a task.
        kind: the only kind of task whose verdict it can read; None: any.
        asks: True when it looks at the prompt.
        settled: True when a completion alone settles the score although its tokens were not counted.
    """

    name: str
    params: type
    score: Callable[[Item, Any], float | None] | None = None
    relative: Callable[[Sequence[Member], Any], list[float | None]] | None = None
    measure: Callable[[Item, Any], float | None] | None = None
    judges: bool = False
    kind: str | None = None
    asks: bool = False
    settled: Callable[[str, Any], bool] | None = None

    @property
    def description(self) -> str:
        """Its function's docstring: meaning, formula and source."""
        return ((self.score or self.relative).__doc__ or "").strip()


COMPONENTS: dict[str, Component] = {
    component.name: component
    for component in (
        Component("accuracy", AccuracyParams, accuracy, judges=True),
        Component("preference", PreferenceParams, preference, judges=True, kind="preference"),
        Component("format", FormatParams, format_score),
        Component("tag_count", TagCountParams, tag_count),
        Component("language", LanguageParams, language, asks=True),
        Component("repetition", RepetitionParams, repetition),
        Component("reasoning_steps", ReasoningStepsParams, reasoning_steps),
        Component("length", LengthParams, length_score),
        Component("cosine_length", CosineLengthParams, cosine_length, judges=True),
        Component("soft_overlong", SoftOverlongParams, soft_overlong, settled=surely_short),
        Component("no_mixed_language", NoMixedLanguageParams, no_mixed_language, asks=True),
        Component("no_long_paragraph", NoLongParagraphParams, no_long_paragraph),
        Component("no_code_block", NoCodeBlockParams, no_code_block),
        Component("no_repetition", NoRepetitionParams, no_repetition),
        Component("kimi_length", KimiLengthParams, relative=kimi_length, measure=measured_length, judges=True),
    )
}
