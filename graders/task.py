"""What a completion is judged against: one frozen dataclass per kind of task (contract, section 3).

The classes are plain values to the graders and at the same time the wire format: app.schemas validates JSON straight
into them, so that each field is declared once. The constraint annotations are read there; nothing here checks them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len, MaxLen, MinLen

# Read by app.schemas (pydantic): unknown fields are refused, and "1" is not 1.
_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "use_attribute_docstrings": True}

Texts = str | Annotated[tuple[str, ...], Len(1, 64)]
Extract = Literal["auto", "boxed", "answer_tag", "last_line"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be off: accepted when within `abs`, or within `rel` of the reference."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    abs: Annotated[float, Ge(0)] = 0.0
    """Absolute difference allowed."""
    rel: Annotated[float, Ge(0)] = 0.0
    """Difference allowed as a share of the reference's magnitude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MathTask:
    """A reference answer, judged by symbolic equivalence."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["math"] = "math"
    answer: Texts
    """The reference, in LaTeX or plain text; of several, any one will do."""
    tolerance: Tolerance | None = None
    """Accept numbers this close; without it the reference's own digits decide."""
    ordered: bool | None = None
    """True: a list must come in the reference's order. None: tuples ordered, sets and lists of solutions not."""
    require_form: str | None = None
    """A form the answer must have besides its value: "simplified", "fraction", "decimal:2"."""
    extract: Extract = "auto"
    """Where the answer is looked for."""

    @property
    def answers(self) -> tuple[str, ...]:
        """The references as a tuple, whichever way they were written."""
        return (self.answer,) if isinstance(self.answer, str) else self.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceTask:
    """A multiple-choice question."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["choice"] = "choice"
    answer: Texts
    """The right letter, or all the right letters of a question with several."""
    options: Annotated[tuple[str, ...], Len(1, 26)] | Annotated[dict[str, str], Len(1, 26)] | None = None
    """The texts of the options, as a list (A, B, …) or by letter; then an option's text is an answer too."""
    extract: Extract = "auto"
    """Where the answer is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLimits:
    """Bounds of each test's run; an absent one takes the service's default."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    time_s: Annotated[float, Gt(0), Le(300)] | None = None
    """Processor seconds, over all processes of the run."""
    memory_bytes: Annotated[int, Ge(16 * 2**20), Le(64 * 2**30)] | None = None
    """Memory of the whole process tree."""
    output_bytes: Annotated[int, Ge(1), Le(2**30)] | None = None
    """Size of standard output, and of standard error."""
    processes: Annotated[int, Ge(1), Le(4096)] | None = None
    """Processes and threads alive at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatRule:
    """Numbers are equal within `abs` or within `rel` of the expected one (the ICPC rule); all else is exact."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["float"] = "float"
    abs: Annotated[float, Ge(0)] = 0.0
    rel: Annotated[float, Ge(0)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramChecker:
    """A special judge: a trusted program that gets input, output and answer as three files."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["program"] = "program"
    language: str
    source: Annotated[str, MinLen(1)]
    dialect: Literal["kattis", "testlib"] | None = None
    """What its exit status means: 42 accepts and 43 rejects ("kattis"), or testlib's 0, 1, 2, 3. None: testlib's for a
    program that includes testlib.h (which is supplied), else kattis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """One input and the output it must give."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    input: str
    output: str
    weight: Annotated[float, Ge(0), Le(1e9)] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioTests:
    """Whole programs, judged by what they print."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["stdio"] = "stdio"
    cases: Annotated[tuple[StdioCase, ...], MaxLen(10_000)]
    checker: Literal["tokens", "exact", "lines"] | FloatRule | ProgramChecker = "tokens"
    """How output is compared: by tokens, to the byte, by right-stripped lines, with tolerance, or by a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCase:
    """One call and the value it must return; values are JSON."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    expected: Any
    weight: Annotated[float, Ge(0), Le(1e9)] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTests:
    """Calls by value."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["function"] = "function"
    entry_point: Annotated[str, MinLen(1), MaxLen(256)]
    """A function's name, or "Class.method" (the class is made without arguments)."""
    cases: Annotated[tuple[FunctionCase, ...], MaxLen(10_000)]
    compare: Literal["equal", "unordered"] | FloatRule = "equal"
    """How a returned value is compared with the expected one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertTests:
    """Trusted Python asserts, run in a process that the candidate cannot reach."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["asserts"] = "asserts"
    source: Annotated[str, MinLen(1)]
    """Assert statements, or a function `check(candidate)`."""
    entry_point: Annotated[str, MaxLen(256)] | None = None
    """The name handed to `check`; asserts without it use the names the candidate defines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnittestTests:
    """A trusted unittest or pytest module that imports `solution`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["unittest"] = "unittest"
    source: Annotated[str, MinLen(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """A group of cases worth some points, as at the IOI."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    cases: Annotated[tuple[Annotated[int, Ge(0)], ...], MinLen(1)]
    """Indices of the cases in the group."""
    points: Annotated[float, Ge(0), Le(1e9)]
    score: Literal["all", "fraction"] = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTask:
    """A short answer in words."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["text"] = "text"
    answer: Texts
    """The reference, or a pattern of RE2 that must match the whole answer; of several, any one will do."""
    match: Literal["exact", "normalized", "f1", "regex", "contains"] = "normalized"
    """How it is compared: to the character; without case, articles, punctuation; by shared words, which gives parts of
    a point; by a pattern; or the reference stands in an answer that says little else."""
    extract: Extract | Literal["full"] = "auto"
    """Where the answer is looked for; "full": all that follows the reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTask:
    """A JSON value: its shape, what it says, or both."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["json"] = "json"
    schema: dict[str, Any] | bool | None = None
    """A JSON Schema the value must fit; it refers to no other document, and its patterns have no look-around."""
    answer: Any = None
    """The value, or with "subset" a part of it; null stands for none."""
    match: Literal["equal", "subset"] = "equal"
    """The same value (numbers by value, keys in any order), or one that has at least what `answer` has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionsTask:
    """Instructions that a program can check: the 25 types of IFEval."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["instructions"] = "instructions"
    instruction_ids: Annotated[tuple[str, ...], Len(1, 64)]
    """Types such as "punctuation:no_comma"; all of them must be followed."""
    kwargs: Annotated[tuple[Mapping[str, Any] | None, ...], MaxLen(64)] | None = None
    """The arguments of each, in the same order; those that are null are passed over."""
    mode: Literal["strict", "loose"] = "strict"
    """Loose: also in the response without its first or last line, or without asterisks."""


Tests = StdioTests | FunctionTests | AssertTests | UnittestTests


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTask:
    """A program, judged by running tests in the sandbox."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["code"] = "code"
    language: Annotated[str, MinLen(1), MaxLen(32)] | None = None
    """A language of the sandbox; None takes the code fence's, else python."""
    tests: Tests
    limits: CodeLimits = CodeLimits()
    score: Literal["all", "fraction", "weighted"] = "all"
    """1 when every test passes, or the share of tests, or of weight, that passes."""
    stop_on_first_failure: bool | None = None
    """None: stop when the score cannot change any more, which is with "all"."""
    subtasks: Annotated[tuple[Subtask, ...], MinLen(1)] | None = None
    """Groups that replace `score`: the share of all points."""
    solution: str | None = None
    """A reference solution; it must pass its own tests."""
    require_integrity: bool = False
    """Refuse (invalid) what could only be run in the candidate's own process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceTask:
    """A question without a rule, judged by a reward model or a chat judge."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["preference"] = "preference"
    reference: str | None = None
    """An answer to compare with; a pairwise judge needs one, a chat judge is shown it, a reward model ignores it."""
    judge: Annotated[str, MinLen(1), MaxLen(64)] | None = None
    """A configured judge's name; None takes the first one of the settings."""


Task = MathTask | ChoiceTask | TextTask | JsonTask | InstructionsTask | CodeTask | PreferenceTask
