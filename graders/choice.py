"""A multiple-choice answer: the letters a completion settles on, against the right ones.

A letter counts where it stands alone ("B", "(B)", "B: text", "\\text{B}", "Choice_B", "option B"); a clause that denies
it ("not A", "it can't be A or B") takes it out. Several letters are an answer only to a question with several right
ones; otherwise they are a hedge. With the task's options an option's text is an answer too.

Not covered: reasoning about the options; a letter is all that is compared.
"""

import re
from dataclasses import dataclass

from graders.errors import TaskInvalid
from graders.extract import Span, extract, first_sentence
from graders.task import ChoiceTask
from graders.verdict import Outcome, Reason, Verdict

_SLOT_CHARS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The letters an answer settles on, the text they were read from, and whether it leaves the choice open."""

    letters: frozenset[str]
    text: str
    hedged: bool = False


_LATEX = re.compile(
    r"\\(?:text|mathrm|textbf|mathbf|textit|textrm|mathit|operatorname|boxed|fbox|mathsf|left|right|bf|rm)\b"
    r"|[${}*`_]|\\[()\[\],; ]"
)
_LETTER = re.compile(r"(?<![A-Za-z0-9'’\\])([A-Z])(?![A-Za-z0-9'’]|\s*=|\s*\()")
_LOWER = re.compile(r"^\W*([a-z])\W*$")
_WORD = re.compile(r"[^\W\d_]{2}")
_LABELLED = re.compile(r"^\W{0,3}([A-Za-z])\s*[.:)\]、。-]\s*\S")
_NAMED = re.compile(
    r"\b(?:choice|option|answer|answer choice)\W{0,3}(?:is\W{0,3})?([A-Z])(?![A-Za-z0-9])", re.IGNORECASE
)
_DENIAL = re.compile(
    r"\b(?:not|isn['’]?t|can['’]?t|cannot|can not|couldn['’]?t|never|neither|nor|doesn['’]?t|don['’]?t|won['’]?t"
    r"|wasn['’]?t|wrong|incorrect|false"
    r"|eliminate[sd]?|rule[sd]? out|except|rather than|instead of|non|pas|nicht|kein|ne)\b|不是|不对|不可能|错误|非",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:either|maybe|perhaps|possibly|might be|could be|or maybe|not sure|one of|between|or)\b|\\l?or\b"
    r"|\\vee\b|可能|也许|\?\s*$",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"[\W_]*(?:=|(?:(?:this|that|it|which)\s+)?(?:is|was)(?:n['’]t|\s+(?:\w+\s+){0,2}?(?:not|wrong|incorrect"
    r"|false|mistaken))\b)",
    re.IGNORECASE,
)
_CLAUSES = re.compile(
    r"[,;.!?。，；！？\n]+(?=\s|$|[^\x00-\x7f])|\bbecause\b|\btherefore\b|\bso\b|\bsince\b|\bbut\b|\bhence\b|\bthus\b"
    r"|(?<=\s)(?=non\s)|(?<=[A-Z])\s+(?=not\b)|—|–",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|answer|correct|right|choose|choice|option|select|pick|solution|conclu\w+"
    r"|réponse|respuesta|antwort)\b|答案|正确|选|应该|所以|因此",
    re.IGNORECASE,
)


def _alone(text: str) -> list[str]:
    """The capital letters that stand alone, without the articles and pronouns among them."""
    found: list[str] = []
    for match in _LETTER.finditer(text):
        letter = match.group(1)
        rest = text[match.end() : match.end() + 12]
        if text[: match.start()].rstrip(" ([").endswith("="):
            continue  # "160 = C" names a variable, or two answers.
        if (
            letter in "AI"
            and re.match(r"\s+[a-z]{2,}", rest)
            and not re.match(r"\s+(?:and|or|is|because|since|non|not)\b", rest)
        ):
            continue  # "A train leaves", "I think".
        found.append(letter)
    return found


def letters(text: str) -> tuple[frozenset[str], bool]:
    """The letters a sentence or two settle on, and whether they leave it open.

    Returns: a set of capital letters, empty when none is named; True when the choice is hedged.
    """
    text = _LATEX.sub(" ", text.replace("\\_", " ").replace("_", " "))[:_SLOT_CHARS_MAX].strip()
    lower = _LOWER.match(text)
    if lower is not None:
        return frozenset((lower.group(1).upper(),)), False
    labelled = _LABELLED.match(text)
    if labelled is not None and labelled.group(1).isupper():
        # "D. it can't be A or B", "B: 592,704": the label at the start is the answer, what follows explains it.
        rest = text[labelled.end(1) :]
        if _TAKEN_BACK.match(rest):
            return frozenset((labelled.group(1),)), True
        affirming = " ; ".join(clause for clause in _CLAUSES.split(rest) if clause and not _DENIAL.search(clause))
        others = set(_alone(affirming)) - {labelled.group(1)}
        return frozenset((labelled.group(1), *others)), bool(_OPEN.search(affirming))
    if not _WORD.search(text) and any(char.isdigit() for char in text):
        return frozenset(), False  # "1, (E), 1": one of several values, of which one is a letter.
    affirmed: list[str] = []
    denied: list[str] = []
    stated: list[str] = []
    for clause in _CLAUSES.split(text):
        if clause is None:
            continue
        if affirmed and _TAKEN_BACK.match(clause):
            return frozenset(affirmed), True
        if _DENIAL.search(clause):
            denied += _alone(clause)
        else:
            affirmed += _alone(clause)
            stated.append(clause)
    named = _NAMED.findall(text)
    if not affirmed and named and not _DENIAL.search(text):
        affirmed = [name.upper() for name in named]
    settled = frozenset(affirmed) - frozenset(denied) if len(set(affirmed)) > 1 else frozenset(affirmed)
    hedged = bool(_OPEN.search(" ; ".join(stated))) or bool(settled & set(denied))
    return settled, hedged


def read(span: Span, completion: str, options: dict[str, str] | None) -> Reading:
    """Read an extracted answer as a choice; prose without a marked answer is read from its last conclusion.

    Args:
        span: what extraction found.
        completion: the whole text, for prose.
        options: the texts of the options by letter, where known.
    """
    if span.method in ("boxed", "answer_tag", "hashes") and span.text is not None:
        found, hedged = letters(span.text)
        if found or options is None:
            return Reading(found, span.text[:_SLOT_CHARS_MAX], hedged)
        return _by_text(span.text, options)
    if span.method == "phrase" and span.text is not None:
        line = completion[span.start : span.end]
        found, hedged = letters(first_sentence(line))
        if not found:
            found, hedged = letters(span.text)
        if found or options is None:
            return Reading(found, line[:_SLOT_CHARS_MAX], hedged)
        return _by_text(span.text, options)
    tail = completion[-_SLOT_CHARS_MAX:].strip()
    lines = [line for line in tail.split("\n") if line.strip()]
    for line in lines[:-3:-1]:
        for sentence in reversed(re.split(r"(?<=[.!?。])\s+", line)[-4:]):
            if len(lines) > 1 and not _CONCLUDES.search(sentence) and len(sentence) > 12:
                continue
            found, hedged = letters(sentence)
            if found:
                return Reading(found, sentence[:_SLOT_CHARS_MAX], hedged)
        if not _WORD.search(line):
            break  # A value of another kind ends the completion: no letter before it is the answer.
    if options is not None and span.text is not None:
        return _by_text(span.text, options)
    return Reading(frozenset(), (span.text or "")[:_SLOT_CHARS_MAX])


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+|[-+*/=<>.]", _LATEX.sub(" ", text).casefold()))


def _by_text(text: str, options: dict[str, str]) -> Reading:
    said = _words(text)
    named = {letter for letter, option in options.items() if said and _words(option) == said}
    return Reading(frozenset(named) if len(named) == 1 else frozenset(), text[:_SLOT_CHARS_MAX])


def _expected(task: ChoiceTask) -> frozenset[str]:
    given = (task.answer,) if isinstance(task.answer, str) else task.answer
    found: set[str] = set()
    for part in given:
        bare = _LATEX.sub(" ", part).strip()
        if re.fullmatch(r"\W*[A-Za-z](?:\W*(?:,|and|;|\s)\W*[A-Za-z])*\W*", bare):
            found |= {letter.upper() for letter in re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", bare)}
        elif re.fullmatch(r"[A-Z]{2,8}", bare):
            found |= set(bare)
        elif _LABELLED.match(bare):
            found.add(bare.lstrip("( [")[0].upper())
        else:
            raise TaskInvalid("unreadable_choice", "the reference of a choice is not one or more letters")
    if not found:
        raise TaskInvalid("unreadable_choice", "the reference of a choice is not one or more letters")
    return frozenset(found)


def grade(task: ChoiceTask, completion: str, prompt: str = "") -> Verdict:
    """Judge one completion.

    Raises:
        TaskInvalid: the reference names no letter, or one that is not among the options.
    """
    expected = _expected(task)
    options: dict[str, str] | None = None
    if task.options is not None:
        if isinstance(task.options, tuple):
            options = {chr(ord("A") + at): option for at, option in enumerate(task.options)}
        else:
            options = {letter.strip().upper(): option for letter, option in task.options.items()}
        if not expected <= set(options):
            raise TaskInvalid("unknown_option", "the reference of a choice is not among its options")
    span = extract(completion, task.extract)
    explain = {
        "expected": ", ".join(sorted(expected)),
        "expected_normal": "".join(sorted(expected)),
        "answer_normal": "",
    }
    if span.text is None and (span.method != "nothing" or task.extract != "auto"):
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method, explain=dict(explain))
    reading = read(span, completion, options)
    explain["answer_normal"] = "".join(sorted(reading.letters))
    text = reading.text[:2048]
    if not reading.letters:
        reason = Reason.NO_ANSWER if span.text is None else Reason.UNPARSABLE
        return Verdict(Outcome.WRONG, reason, method="letter", answer=text or None, explain=dict(explain))
    if reading.hedged or (len(reading.letters) > 1 and len(expected) == 1):
        return Verdict(Outcome.WRONG, Reason.HEDGED, method="letter", answer=text, explain=dict(explain))
    if reading.letters == expected:
        return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "letter", text, explain=dict(explain))
    return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="letter", answer=text, explain=dict(explain))
