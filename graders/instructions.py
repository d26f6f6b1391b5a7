"""Instructions that a program can check: the 25 types of IFEval, strictly or loosely.

Each type is one function of a response and the instruction's `kwargs`, with the meaning of google-research's
instruction_following_eval. The response is what follows the reasoning, taken out of `<answer>...</answer>` where all of
it stands in there. Loosely, an instruction counts as followed when it is in one of eight versions of the response:
without its first line, its last, both, and each of these without asterisks.

On purpose otherwise than the original, which was written to measure and not to be optimised against:

- Keywords, forbidden words, section and postscript markers are plain text, not patterns.
- The language is the one that most words are in, by script and CLD2 (graders.shaping.language), the same each time; the
  original's detector is seeded at random, and skips capitals, of which ours reads the lower-case form.
- A text whose language cannot be told is in no language; the original counts it as followed.
- A missing or impossible argument makes the task invalid; the original draws one at random.
- Sentences are split by graders.sentences, without Punkt's trained tables.

Every check is linear in the response's length.

Source: Zhou et al., "Instruction-Following Evaluation for Large Language Models", arXiv 2311.07911.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graders.errors import TaskInvalid
from graders.extract import last_tag, visible
from graders.sentences import capital_words, count_words, sentences
from graders.shaping.language import LANGUAGES, language_of
from graders.task import InstructionsTask
from graders.verdict import JsonValue, Outcome, Reason, Verdict

TEXTS_MAX = 64
"""Keywords of one instruction, at most."""
COUNT_MAX = 1_000_000
RELATIONS = ("less than", "at least")

_CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


# --- arguments -------------------------------------------------------------------------------------------------------


class _Unusable(ValueError):
    """An argument that no response could be checked against; says why."""


def _count(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # Data that went through a table has counts as floats.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= COUNT_MAX:
        raise _Unusable(f"a whole number from 0 to {COUNT_MAX}")
    return value


def _positive(value: Any) -> int:
    if _count(value) == 0:
        raise _Unusable("a whole number from 1 on")
    return _count(value)


def _relation(value: Any) -> str:
    if value not in RELATIONS:
        raise _Unusable(f"one of {', '.join(RELATIONS)}")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Unusable("a text that is not blank")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= TEXTS_MAX:
        raise _Unusable(f"a list of 1 to {TEXTS_MAX} texts")
    return tuple(_text(entry) for entry in value)


def _letter(value: Any) -> str:
    if len(_text(value).strip()) != 1:
        raise _Unusable("a single character")
    return _text(value).strip().lower()


def _language(value: Any) -> str:
    # Chinese is one language here, whichever of its scripts a code names.
    code = value.partition("-")[0] if isinstance(value, str) and value.startswith("zh") else value
    if not isinstance(code, str) or code not in LANGUAGES:
        raise _Unusable("an ISO 639-1 code of a language that can be told, such as en")
    return code


_Args = Mapping[str, Any]
_READERS: dict[str, Callable[[Any], Any]] = {
    "language": _language,
    "num_sentences": _count,
    "relation": _relation,
    "num_placeholders": _count,
    "num_bullets": _count,
    "num_highlights": _count,
    "section_spliter": _text,
    "num_sections": _count,
    "num_paragraphs": _count,
    "postscript_marker": _text,
    "keywords": _texts,
    "keyword": _text,
    "frequency": _count,
    "num_words": _count,
    "nth_paragraph": _positive,
    "first_word": _text,
    "forbidden_words": _texts,
    "prompt_to_repeat": _text,
    "end_phrase": _text,
    "letter": _letter,
    "let_frequency": _count,
    "let_relation": _relation,
    "capital_frequency": _count,
    "capital_relation": _relation,
}
"""Every argument IFEval has, and how it is read."""


# --- checks ----------------------------------------------------------------------------------------------------------


def _compare(found: int, relation: Any, wanted: Any) -> bool:
    return bool(found < wanted if relation == RELATIONS[0] else found >= wanted)


def _keywords(text: str, args: _Args) -> bool:
    return all(re.search(re.escape(keyword), text, re.IGNORECASE) for keyword in args["keywords"])


def _keyword_frequency(text: str, args: _Args) -> bool:
    found = len(re.findall(re.escape(args["keyword"].strip()), text, re.IGNORECASE))
    return _compare(found, args["relation"], args["frequency"])


def _forbidden_words(text: str, args: _Args) -> bool:
    # Not \b, which is no boundary beside the last sign of "C++".
    return not any(
        re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) for word in args["forbidden_words"]
    )


def _letter_frequency(text: str, args: _Args) -> bool:
    return _compare(text.lower().count(args["letter"]), args["let_relation"], args["let_frequency"])


def _response_language(text: str, args: _Args) -> bool:
    return bool(language_of(text) == args["language"])


def _number_sentences(text: str, args: _Args) -> bool:
    return _compare(len(sentences(text)), args["relation"], args["num_sentences"])


_DIVIDER = re.compile(r"\s?\*\*\*\s?")


def _number_paragraphs(text: str, args: _Args) -> bool:
    """Between dividers of three asterisks; only the first and the last may be blank, and then do not count."""
    paragraphs = _DIVIDER.split(text)
    blank = [not paragraph.strip() for paragraph in paragraphs]
    if any(blank[1:-1]):
        return False
    ends = blank[0] + (blank[-1] if len(blank) > 1 else 0)
    return bool(len(paragraphs) - ends == args["num_paragraphs"])


def _number_words(text: str, args: _Args) -> bool:
    return _compare(count_words(text), args["relation"], args["num_words"])


def _first_word(text: str, args: _Args) -> bool:
    """The number of paragraphs between blank lines, and the word that one of them begins with."""
    paragraphs = text.split("\n\n")
    filled = sum(1 for paragraph in paragraphs if paragraph.strip())
    nth = args["nth_paragraph"]
    paragraph = paragraphs[nth - 1].strip() if nth <= filled else ""
    if not paragraph:
        return False
    word = paragraph.split(None, 1)[0].lstrip("'").lstrip('"')
    return bool(
        filled == args["num_paragraphs"] and _UNTIL_MARK.split(word, 1)[0].lower() == args["first_word"].lower()
    )


_UNTIL_MARK = re.compile(r"[.,?!'\"]")


def _number_placeholders(text: str, args: _Args) -> bool:
    """Square brackets that open and close in one line."""
    found = 0
    for line in text.split("\n"):
        at = line.find("[")
        while at >= 0 and (close := line.find("]", at)) >= 0:
            found += 1
            at = line.find("[", close)
    return bool(found >= args["num_placeholders"])


_POSTSCRIPTS = {"P.P.S": re.compile(r"p\.\s?p\.\s?s"), "P.S.": re.compile(r"p\.\s?s\.")}


def _postscript(text: str, args: _Args) -> bool:
    marker = args["postscript_marker"].strip()
    known = _POSTSCRIPTS.get(marker)
    return marker.lower() in text.lower() if known is None else known.search(text.lower()) is not None


_SPACE = re.compile(r"\s*")


def _bullets(text: str, sign: str) -> int:
    """Lines that begin, after white space, with a bullet; blank lines before it belong to it."""
    found, start = 0, 0
    while start <= len(text):
        space = _SPACE.match(text, start)
        at = space.end() if space else start
        after = text[at + 1 : at + 2]
        if text[at : at + 1] == sign and (sign == "-" or (after and after != "*")):
            found += 1
            at += 1 + (sign == "*")
        end = text.find("\n", at)
        if end < 0:
            break
        start = end + 1
    return found


def _number_bullet_lists(text: str, args: _Args) -> bool:
    return bool(_bullets(text, "*") + _bullets(text, "-") == args["num_bullets"])


def _constrained_response(text: str, args: _Args) -> bool:
    return any(option in text for option in _CONSTRAINED)


_HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
_DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")


def _number_highlights(text: str, args: _Args) -> bool:
    single = sum(1 for found in _HIGHLIGHT.findall(text) if found.strip("*").strip())
    double = sum(1 for found in _DOUBLE_HIGHLIGHT.findall(text) if found[2:-2].strip())
    return bool(single + double >= args["num_highlights"])


def _multiple_sections(text: str, args: _Args) -> bool:
    marker = re.escape(args["section_spliter"].strip())
    return bool(len(re.findall(rf"{marker}\s?\d+", text)) >= args["num_sections"])


_FENCES = ("```json", "```Json", "```JSON", "```")


def _json_format(text: str, args: _Args) -> bool:
    text = text.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def _title(text: str, args: _Args) -> bool:
    """Double angular brackets around something, in one line."""
    for line in text.split("\n"):
        start, end = line.find("<<"), line.rfind(">>")
        if start >= 0 and start + 2 < end and line[start:end].lstrip("<").rstrip(">").strip():
            return True
    return False


def _two_responses(text: str, args: _Args) -> bool:
    parts = text.split("******")
    if any(not part.strip() for part in parts[1:-1]):
        return False
    said = [part.strip() for part in parts if part.strip()]
    return len(said) == 2 and said[0] != said[1]


def _repeat_prompt(text: str, args: _Args) -> bool:
    return text.strip().lower().startswith(args["prompt_to_repeat"].strip().lower())


def _end_checker(text: str, args: _Args) -> bool:
    return text.strip().strip('"').lower().endswith(args["end_phrase"].strip().lower())


def _capital_frequency(text: str, args: _Args) -> bool:
    return _compare(capital_words(text), args["capital_relation"], args["capital_frequency"])


def _english_capital(text: str, args: _Args) -> bool:
    return text.isupper() and language_of(text.lower()) == "en"


def _english_lowercase(text: str, args: _Args) -> bool:
    return text.islower() and language_of(text) == "en"


def _no_comma(text: str, args: _Args) -> bool:
    return "," not in text


def _quotation(text: str, args: _Args) -> bool:
    text = text.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'


@dataclass(frozen=True, slots=True)
class Instruction:
    """A type of instruction: its check, and the arguments it needs."""

    check: Callable[[str, _Args], bool]
    needs: tuple[str, ...] = ()


INSTRUCTIONS: dict[str, Instruction] = {
    "keywords:existence": Instruction(_keywords, ("keywords",)),
    "keywords:frequency": Instruction(_keyword_frequency, ("keyword", "frequency", "relation")),
    "keywords:forbidden_words": Instruction(_forbidden_words, ("forbidden_words",)),
    "keywords:letter_frequency": Instruction(_letter_frequency, ("letter", "let_frequency", "let_relation")),
    "language:response_language": Instruction(_response_language, ("language",)),
    "length_constraints:number_sentences": Instruction(_number_sentences, ("num_sentences", "relation")),
    "length_constraints:number_paragraphs": Instruction(_number_paragraphs, ("num_paragraphs",)),
    "length_constraints:number_words": Instruction(_number_words, ("num_words", "relation")),
    "length_constraints:nth_paragraph_first_word": Instruction(
        _first_word, ("num_paragraphs", "nth_paragraph", "first_word")
    ),
    "detectable_content:number_placeholders": Instruction(_number_placeholders, ("num_placeholders",)),
    "detectable_content:postscript": Instruction(_postscript, ("postscript_marker",)),
    "detectable_format:number_bullet_lists": Instruction(_number_bullet_lists, ("num_bullets",)),
    "detectable_format:constrained_response": Instruction(_constrained_response),
    "detectable_format:number_highlighted_sections": Instruction(_number_highlights, ("num_highlights",)),
    "detectable_format:multiple_sections": Instruction(_multiple_sections, ("section_spliter", "num_sections")),
    "detectable_format:json_format": Instruction(_json_format),
    "detectable_format:title": Instruction(_title),
    "combination:two_responses": Instruction(_two_responses),
    "combination:repeat_prompt": Instruction(_repeat_prompt, ("prompt_to_repeat",)),
    "startend:end_checker": Instruction(_end_checker, ("end_phrase",)),
    "startend:quotation": Instruction(_quotation),
    "change_case:capital_word_frequency": Instruction(_capital_frequency, ("capital_frequency", "capital_relation")),
    "change_case:english_capital": Instruction(_english_capital),
    "change_case:english_lowercase": Instruction(_english_lowercase),
    "punctuation:no_comma": Instruction(_no_comma),
}


# --- a task ----------------------------------------------------------------------------------------------------------


def _arguments(task: InstructionsTask) -> list[tuple[Instruction, _Args]]:
    """Each instruction with its arguments, read.

    Arguments that are null are passed over: tables have one column for each that any type takes.

    Raises: TaskInvalid with the path of what is wrong.
    """
    if task.kwargs is not None and len(task.kwargs) != len(task.instruction_ids):
        raise _invalid("kwargs", "one object for each of instruction_ids")
    read: list[tuple[Instruction, _Args]] = []
    for index, name in enumerate(task.instruction_ids):
        known = INSTRUCTIONS.get(name)
        if known is None:
            raise _invalid(f"instruction_ids.{index}", "not a type of IFEval's")
        given = {} if task.kwargs is None else task.kwargs[index] or {}
        args: dict[str, Any] = {}
        for argument in known.needs:
            path = f"kwargs.{index}.{argument}"
            if given.get(argument) is None:
                raise _invalid(path, "must be given")
            try:
                args[argument] = _READERS[argument](given[argument])
            except _Unusable as unusable:
                raise _invalid(path, f"must be {unusable}") from None
        for argument, value in given.items():
            if value is not None and argument not in known.needs:
                raise _invalid(f"kwargs.{index}", f"has an argument that {name} does not take")
        if name.endswith("first_word") and args["nth_paragraph"] > args["num_paragraphs"]:
            raise _invalid(f"kwargs.{index}.nth_paragraph", "must be at most num_paragraphs")
        read.append((known, args))
    return read


def _invalid(path: str, message: str) -> TaskInvalid:
    return TaskInvalid("invalid_instruction", f"{path}: {message}")


def response_of(completion: str) -> str | None:
    """What of a completion the instructions are about; None where its reasoning never ended."""
    bounds = visible(completion)
    if bounds is None:
        return None
    if bounds == (0, len(completion)) and "<" not in completion:
        return completion
    text = completion[slice(*bounds)]
    if bounds[0]:
        text = text.strip()  # The blank line after the reasoning is not the response's.
    stripped = text.strip()
    if stripped[:8].lower() == "<answer>" and stripped[-9:].lower() == "</answer>":
        inner = last_tag(stripped, 0, len(stripped))
        if inner is not None and len(inner) == len(stripped) - 17:
            return inner.strip()
    return text


def _versions(response: str, mode: str) -> list[str]:
    """The response, and in loose mode what it is without its first and last lines and its asterisks; each once."""
    if mode == "strict":
        return [response]
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys(cut + [version.replace("*", "") for version in cut]))


def grade(task: InstructionsTask, completion: str, prompt: str = "") -> Verdict:
    """Judge one completion: correct when every instruction is followed.

    Raises:
        TaskInvalid: an unknown instruction, or an argument that is missing or impossible; with its path.
    """
    read = _arguments(task)
    response = response_of(completion)
    if response is None or not response.strip():
        method = "unterminated_think" if response is None else "empty"
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=method)
    versions = [version for version in _versions(response, task.mode) if version.strip()]
    followed = [any(known.check(version, args) for version in versions) for known, args in read]
    explain: dict[str, JsonValue] = {
        "followed": {
            f"{index}:{name}": done
            for index, (name, done) in enumerate(zip(task.instruction_ids, followed, strict=True))
        }
    }
    if all(followed):
        return Verdict(Outcome.CORRECT, Reason.FOLLOWED, 1.0, task.mode, explain=explain)
    return Verdict(Outcome.WRONG, Reason.NOT_FOLLOWED, method=task.mode, explain=explain)
