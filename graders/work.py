"""What a worker may be sent besides the tasks that a request may name: the compatible routes and votes send it.

Plain values and the wire format at once, as graders.task's are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Le, MaxLen, MinLen

from graders.task import CodeLimits, CodeTask, Task

_STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False, "use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTask:
    """A code task whose completion is the program itself: nothing is looked for in it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["program"] = "program"
    task: CodeTask


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTask:
    """A program that is run once, and nothing judged: its completion is the main file's text."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["run"] = "run"
    language: Annotated[str, MinLen(1), MaxLen(32)]
    """A language of the sandbox."""
    name: Annotated[str, MaxLen(200)] = ""
    """The main file's name; "" takes the language's usual one."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files beside it: names to contents in base64."""
    stdin: str = ""
    args: tuple[str, ...] = ()
    limits: CodeLimits = field(default_factory=CodeLimits)
    wall_s: Annotated[float, Gt(0), Le(600)] | None = None
    """Elapsed seconds of the run; None takes the sandbox's rule from the processor seconds."""
    compile_s: Annotated[float, Gt(0), Le(600)] | None = None
    """Elapsed seconds of the compiler; None takes the language's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteTask:
    """Completions of one prompt, to be put into classes of equal answers (graders.votes)."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    kind: Literal["vote"] = "vote"
    completions: tuple[str, ...]
    by: Literal["math", "choice", "text", "json"] = "math"
    """What makes two answers equal."""


Work = Task | ProgramTask | RunTask | VoteTask
"""All that a worker may be sent."""
