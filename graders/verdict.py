"""What was found: the one value every grader returns and every layer above passes on unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class Outcome(StrEnum):
    """The finding in one word."""

    UNDECIDED = "undecided"  # First, and the default: nothing is correct by omission.
    CORRECT = "correct"
    PARTIAL = "partial"
    WRONG = "wrong"


class Reason(StrEnum):
    """Why, in one word of a closed list (docs/verdicts.md describes each)."""

    UNDECIDED = "undecided"
    # Maths and choice
    EQUAL = "equal"
    DIFFERENT = "different"
    NO_ANSWER = "no_answer"
    UNPARSABLE = "unparsable"
    HEDGED = "hedged"
    # Text
    OVERLAP = "overlap"
    CONTAINS = "contains"
    MATCHES = "matches"
    # JSON
    VALID = "valid"
    SCHEMA = "schema"
    # Instructions
    FOLLOWED = "followed"
    NOT_FOLLOWED = "not_followed"
    # Code
    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RUNTIME_ERROR = "runtime_error"
    COMPILE_ERROR = "compile_error"
    NO_CODE = "no_code"
    TAMPERED = "tampered"
    # Preference
    JUDGED = "judged"
    TOO_LONG = "too_long"


class TestOutcome(StrEnum):
    """How one test of a code task went."""

    __test__ = False  # Not a test class, whatever pytest makes of the name.

    SKIPPED = "skipped"  # Not run: an earlier failure stopped the rest. Counts as not passed.
    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RUNTIME_ERROR = "runtime_error"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test: its index in the task, how it went, processor seconds, and peak memory in bytes."""

    __test__ = False  # Not a test class, whatever pytest makes of the name.

    index: int
    outcome: TestOutcome = TestOutcome.SKIPPED
    time_s: float = 0.0
    memory_bytes: int = 0
    explain: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a grader found.

    Args:
        outcome, reason: the finding and why.
        score: in [0, 1]; 1 exactly when correct, 0 when wrong or undecided, between for partial. Only a judge with a
            raw scale gives any finite number, as partial, and its floor when wrong.
        method: the name of the rung or check that decided, where there is a choice of several.
        answer: the answer taken out of the completion, as text, at most 2,048 characters.
        language, tests: code only; tests in the order of the task.
        integrity: "" or "weak" (tests ran in the candidate's process, because values could not be passed).
        isolation: code only; what the sandbox had in force.
        explain: details that are given only to a request that asks; holds the reference, so it is stripped otherwise.
    """

    outcome: Outcome = Outcome.UNDECIDED
    reason: Reason = Reason.UNDECIDED
    score: float = 0.0
    method: str | None = None
    answer: str | None = None
    language: str | None = None
    tests: tuple[TestResult, ...] | None = None
    integrity: str = ""
    isolation: str | None = None
    explain: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a compilation or a run ended.

    Args:
        ended: "exited", "signalled", "time_limit", "memory_limit" or "output_limit".
        exit_code, signal: of which one is known, by `ended`.
        stdout, stderr: as text, with U+FFFD for what is not UTF-8.
        cpu_s, wall_s, memory_bytes: what was used.
    """

    ended: str
    exit_code: int | None
    signal: int | None
    stdout: str
    stderr: str
    cpu_s: float
    wall_s: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of a program that was run as it is; nothing in it is a judgement.

    Args:
        language: that of the table that compiled it.
        isolation: what the sandbox had in force.
        compiled: None for a language that is not compiled.
        ran: None when it did not compile.
    """

    language: str
    isolation: str
    compiled: Ran | None
    ran: Ran | None
