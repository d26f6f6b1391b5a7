"""JSON out of a completion, against a schema and a reference value.

Where the JSON is looked for; the first line that applies decides, and what it points at is read strictly:

1. Text up to the last `</think>` never counts; a `<think>` opened after it and never closed means no answer.
2. Within the last `<answer>...</answer>`, where there is one.
3. All of the text, where that is JSON or is at least enclosed by one pair of brackets.
4. The last code fence marked `json`, else the last fence whose content begins with a bracket.
5. The last object in the text; the last list, where the task wants a list or there is no object.

Strict: no NaN or Infinity, no number beyond a double, no duplicate key, no lone surrogate, at most DEPTH_MAX levels.
Numbers are equal by value (1 and 1.0, but not 1 and true), integers of any size exactly; keys have no order.

Schemas are checked by jsonschema-rs (drafts 4 to 2020-12): patterns by an engine without backtracking, so look-around
and back-references are refused, and no reference leaves the document.

Not covered: JSON5, comments, trailing commas, single quotes: what needs mending is not JSON.
"""

import json
import math
import re
from functools import lru_cache
from typing import Any, cast

from graders.errors import TaskInvalid
from graders.extract import last_tag, visible
from graders.task import JsonTask
from graders.verdict import JsonValue, Outcome, Reason, Verdict

DEPTH_MAX = 64
FAILURES_MAX = 128
"""Openings of what turns out not to be JSON that are passed over in prose; past that the text is somebody's trick."""
EXPLAIN_CHARS_MAX = 2048
SCHEMA_CHARS_MAX = 1 << 20
SCHEMAS_CACHED = 128
CACHED_CHARS_MAX = 16 * 1024
PATTERN_BYTES_MAX = 1 << 20


class NotJson(ValueError):
    """A text that is not JSON as we take it; says why in a few words."""


def parse(text: str) -> JsonValue:
    """A text as JSON, strictly.

    Raises: NotJson.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique)
    except NotJson:
        raise
    except RecursionError:
        raise NotJson(f"nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        # JSONDecodeError, or an integer of more digits than Python converts at a bounded cost.
        raise NotJson(getattr(error, "msg", "an integer has too many digits")) from None
    _check(value, surrogates=_SURROGATE.search(text) is not None)
    return cast("JsonValue", value)


_SURROGATE = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


def _refuse_constant(name: str) -> None:
    raise NotJson(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson("a number is too large for a double")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise NotJson("an object names the same key twice")
    return mapping


def _check(value: Any, *, surrogates: bool) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        below: list[Any] = []
        for entry in level:
            if isinstance(entry, dict | list) and depth > DEPTH_MAX:
                raise NotJson(f"nested deeper than {DEPTH_MAX}")
            if isinstance(entry, dict):
                below.extend(entry.values())
                if surrogates:
                    below.extend(entry)
            elif isinstance(entry, list):
                below.extend(entry)
            elif surrogates and isinstance(entry, str) and re.search("[\ud800-\udfff]", entry):
                raise NotJson("a string holds a lone surrogate")
        level = below


# --- where the JSON is -----------------------------------------------------------------------------------------------

_FENCE = re.compile(r"^[ \t]{0,12}```[ \t]*([A-Za-z0-9_+.-]{0,32})[^\n`]*$", re.MULTILINE)
_OPENING = re.compile(r"""\{\s{0,64}["}]|\[\s{0,64}[\[{"\]0-9tfn-]""")
_DECODER = json.JSONDecoder()


def find(completion: str, *, wants_list: bool = False) -> tuple[str | None, str]:
    """The text that is to be JSON, and which line of the rule found it; None and why where there is none."""
    bounds = visible(completion)
    if bounds is None:
        return None, "unterminated_think"
    tagged = last_tag(completion, *bounds)
    text = (completion[bounds[0] : bounds[1]] if tagged is None else tagged).strip()
    if not text:
        return None, "empty"
    if _is_whole(text):
        return text, "whole"
    fenced = _fenced(text)
    if fenced is not None:
        return fenced, "fence"
    return _bare(text, wants_list)


def _is_whole(text: str) -> bool:
    """Whether a text is JSON from end to end, or meant to be; how strictly is seen afterwards."""
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return text[0] + text[-1] in ("{}", "[]")
    return end == len(text)


def _fenced(text: str) -> str | None:
    """The last fence that is marked as JSON, else the last that begins with a bracket."""
    marked: str | None = None
    plain: str | None = None
    opened: re.Match[str] | None = None
    fences = list(_FENCE.finditer(text))
    for at, fence in enumerate(fences):
        if opened is None:
            opened = fence
            if at + 1 < len(fences):
                continue
            content = text[fence.end() :]  # Generation often stops at the closing fence, which is then cut off.
        else:
            content = text[opened.end() : fence.start()]
        content = content.strip()
        if opened.group(1).lower() == "json":
            marked = content
        elif content[:1] in ("{", "["):
            plain = content
        opened = None
    return plain if marked is None else marked


def _bare(text: str, wants_list: bool) -> tuple[str | None, str]:
    """The last JSON object, or list, in prose.

    Each try goes on where the one before it ended, so it is one scan; but a failure counts the lines before it, which
    is a scan too, so that there is a limit to failures.
    """
    last: dict[str, tuple[int, int]] = {}
    position, failures = 0, 0
    while (opening := _OPENING.search(text, position)) is not None:
        start = opening.start()
        try:
            _, position = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            position, failures = max(error.pos, start + 1), failures + 1
            if failures > FAILURES_MAX:
                return text, "prose"
        except (ValueError, RecursionError):
            return text[start:], "prose"  # Parsing it again says what is wrong with it.
        else:
            last[text[start]] = (start, position)
    for bracket in ("[", "{") if wants_list else ("{", "["):
        if bracket in last:
            return text[slice(*last[bracket])], "prose"
    return (text, "prose") if failures else (None, "nothing")


# --- comparing -------------------------------------------------------------------------------------------------------


def equal(reference: Any, value: Any) -> bool:
    """Whether two values are the same JSON: numbers by value, keys in any order, true and 1 apart."""
    if isinstance(reference, bool) or isinstance(value, bool):
        return reference is value
    if isinstance(reference, dict):
        return (
            isinstance(value, dict)
            and reference.keys() == value.keys()
            and all(equal(entry, value[key]) for key, entry in reference.items())
        )
    if isinstance(reference, list | tuple):
        return isinstance(value, list | tuple) and len(reference) == len(value) and all(map(equal, reference, value))
    if isinstance(reference, int | float) and isinstance(value, int | float):
        return reference == value
    return type(reference) is type(value) and bool(reference == value)


def contained(reference: Any, value: Any) -> bool:
    """Whether a value has all that a reference asks for.

    An object may have more keys than the reference's; a list has as many members, each with all that its counterpart
    asks for; everything else is equal.
    """
    if isinstance(reference, dict):
        return isinstance(value, dict) and all(
            key in value and contained(entry, value[key]) for key, entry in reference.items()
        )
    if isinstance(reference, list | tuple):
        return (
            isinstance(value, list | tuple) and len(reference) == len(value) and all(map(contained, reference, value))
        )
    return equal(reference, value)


def _validator(schema: Any) -> Any:
    """A schema's validator.

    Raises: TaskInvalid if it is not a schema, or refers to another document.
    """
    text = json.dumps(schema, separators=(",", ":"))
    if len(text) > SCHEMA_CHARS_MAX:
        raise TaskInvalid("schema_too_long", f"the schema is longer than {SCHEMA_CHARS_MAX} characters")
    return _kept(text) if len(text) <= CACHED_CHARS_MAX else _compiled(text)


def _compiled(text: str) -> Any:
    import jsonschema_rs  # Loaded by the first schema.

    try:
        return jsonschema_rs.validator_for(
            json.loads(text),
            offline=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES_MAX, dfa_size_limit=PATTERN_BYTES_MAX),
        )
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
        raise TaskInvalid("invalid_schema", "the schema is not a JSON Schema, or refers to another document") from error


_kept = lru_cache(maxsize=SCHEMAS_CACHED)(_compiled)


def _violation(validator: Any, value: Any) -> JsonValue:
    """The first thing that does not fit: where in the value, and by which keyword of the schema."""
    error = next(iter(validator.iter_errors(value)), None)
    if error is None:
        return None
    at = "/".join(str(step) for step in error.instance_path)
    keyword = "/".join(str(step) for step in error.schema_path)
    return {"path": at[:EXPLAIN_CHARS_MAX], "keyword": keyword[:EXPLAIN_CHARS_MAX]}


def grade(task: JsonTask, completion: str, prompt: str = "") -> Verdict:
    """Judge one completion: first against the schema, then against the reference.

    Raises:
        TaskInvalid: there is neither schema nor reference, or the schema is none.
    """
    if task.schema is None and task.answer is None:
        raise TaskInvalid("empty_reference", "a task of kind json needs a schema, an answer, or both")
    if task.schema is None and task.match == "subset" and task.answer in ({}, []):
        raise TaskInvalid("empty_reference", "every value has all that an empty reference asks for")
    validator = None if task.schema is None else _validator(task.schema)
    wants_list = isinstance(task.answer, list | tuple) or (
        isinstance(task.schema, dict) and task.schema.get("type") == "array"
    )
    explain: dict[str, JsonValue] = {}
    if task.answer is not None:
        explain["expected"] = json.dumps(task.answer, ensure_ascii=False)[:EXPLAIN_CHARS_MAX]
    text, method = find(completion, wants_list=wants_list)
    if text is None:
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=method, explain=explain)
    answer = text[:EXPLAIN_CHARS_MAX]
    try:
        value = parse(text)
    except NotJson as wrong:
        return Verdict(
            Outcome.WRONG, Reason.UNPARSABLE, method=method, answer=answer, explain=explain | {"error": str(wrong)}
        )
    if validator is not None and not validator.is_valid(value):
        explain["violation"] = _violation(validator, value)
        return Verdict(Outcome.WRONG, Reason.SCHEMA, method="schema", answer=answer, explain=explain)
    if task.answer is None:
        return Verdict(Outcome.CORRECT, Reason.VALID, 1.0, "schema", answer, explain=explain)
    if (contained if task.match == "subset" else equal)(task.answer, value):
        return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, task.match, answer, explain=explain)
    return Verdict(Outcome.WRONG, Reason.DIFFERENT, method=task.match, answer=answer, explain=explain)
