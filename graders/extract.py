"""A whole completion to the one span that is its answer, by one written rule, in linear time.

The rule, for `extract: "auto"`; the first line that applies decides:

1. Text up to the last `</think>` is reasoning and never counts; a `<think>` opened after it and never closed means
   that no answer was given. Text from the first end-of-turn token on (`<|im_end|>`, ...) does not count either.
2. Of `\\boxed{...}`, `\\fbox{...}` and `<answer>...</answer>`, the one that ends last. Empty or unterminated it is no
   answer: an earlier box does not stand in for it. A box inside the answer tag narrows it. Boxes (or tags) that follow
   one another with nothing but punctuation, "and" or "or" between them are one answer with several values.
3. What follows the last `####`.
4. What follows the last phrase that announces an answer ("the answer is", "Final answer:", "A:", "答案是", ...), up to
   the end of its sentence.
5. A completion of one short line: that line. Otherwise the last line, if it is mathematics or a conclusion.

Within a sentence, what follows the last "is", "are" or "=" outside of mathematics counts. `"boxed"` and `"answer_tag"`
allow only that form of line 2, `"last_line"` only the last line.

Not covered: what the span means (math.parse, choice), and code blocks (graders.code.extract).
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from graders.task import Extract

ANSWER_CHARS_MAX = 8192
"""A span longer than this is not an answer to a short-answer question; it is reported as it is, cut there."""


class Span(NamedTuple):
    """Where the answer is, and what it says.

    Args:
        text: the answer, stripped of the markers around it; None where there is none.
        start, end: of the marked region in the completion.
        method: which line of the rule found it: "boxed", "answer_tag", "hashes", "phrase", "line" or "sentence";
            where there is no answer, why: "unterminated_think", "empty_boxed", "unterminated_boxed",
            "empty_answer_tag", "empty", "question" or "nothing".
        parts: the texts of adjacent boxes or tags, in order, when there are several; else empty.
        narrow: for a completion of one line, the part of it that states a value, for when the line as a whole is prose.
        before, after: up to 200 characters on either side of the marker, for units and retractions.
    """

    text: str | None
    start: int = 0
    end: int = 0
    method: str = "nothing"
    parts: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    narrow: str | None = None


_END_OF_TURN = ("<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "<｜end▁of▁sentence｜>", "</s>")


def visible(completion: str) -> tuple[int, int] | None:
    """The range of a completion that may hold its answer, or None when its reasoning never ended."""
    if "<" not in completion:
        return 0, len(completion)
    closed = completion.rfind("</think>")
    start = closed + len("</think>") if closed >= 0 else 0
    if completion.find("<think>", start) >= 0:
        return None
    end = len(completion)
    if "<|" in completion or "</s>" in completion or "<｜" in completion:
        for token in _END_OF_TURN:
            at = completion.find(token, start, end)
            if at > start or (at == start and at > 0):
                end = at
    return start, end


_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])[ \t\n]*")
_BARE_BOX = re.compile(r"[+-]?[0-9][0-9.,/]*(?<![.,])|[A-Za-z0-9](?![A-Za-z0-9])")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ESCAPED = re.compile(r"\\[{}\\]")
_MENTION = re.compile(r"\b(?:in|inside|within|with|using|into|by|a|an|the|of|like)\b[\s`'\"$(]*$", re.IGNORECASE)
_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
# Between two boxes that make up one answer: punctuation, dollar signs, "and", "or", at most two words in between.
_JOINT = re.compile(r"(?:[\s,;.&$]|\\[()\[\],; ]|\\q?quad|\\text\{|\}|and|or|,)*", re.IGNORECASE)
_JOINT_WORDS = re.compile(r"[^.!?\n\\]{0,24}?\b(?:and|or)\b[\s$\\(]{0,6}", re.IGNORECASE)
_ALTERNATIVE = re.compile(
    r"\b(?:alternatively|or (?:maybe|perhaps|possibly|else|even)|maybe|perhaps|possibly|could also be|might also be"
    r"|otherwise)\b",
    re.IGNORECASE,
)
_AROUND = 200


@dataclass(slots=True)
class _Mark:
    """One box or tag: what it encloses (None: it is not closed), and the region it covers."""

    inner: str | None
    start: int
    end: int
    method: str


def _closing_braces(text: str, start: int, end: int) -> dict[int, int]:
    """For each opening brace its closing one, in one pass; escaped braces are text."""
    closing: dict[int, int] = {}
    stack: list[int] = []
    for match in _BRACE.finditer(text, start, end):
        brace = match.group()
        if brace == "{":
            stack.append(match.start())
        elif brace == "}" and stack:
            closing[stack.pop()] = match.start()
    return closing


_FEW_BOXES = 4


def _closing_brace(text: str, at: int, end: int) -> int | None:
    """Where the brace that opens at `at` is closed."""
    first = text.find("}", at, end)
    if first < 0:
        return None
    inner = text[at + 1 : first]
    if "{" not in inner and "\\" not in inner:
        return first
    depth, close = inner.count("{"), first
    while depth and close >= 0:
        begun, close = close + 1, text.find("}", close + 1, end)
        depth += text.count("{", begun, close) - 1
    if close >= 0 and _ESCAPED.search(text, at, close + 1) is None:
        return close
    depth = 0
    for match in _BRACE.finditer(text, at, end):
        brace = match.group()
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return None


def _boxes(text: str, start: int, end: int) -> list[_Mark]:
    if text.find("box", start, end) < 0:
        return []  # Most completions that have none are known by a plain search, at a tenth of the cost.
    found = list(_BOX.finditer(text, start, end))
    if not found:
        return []
    # A few boxes are closed one by one; many (somebody is trying something) in one pass, to stay linear.
    closing = _closing_braces(text, found[0].start(), end) if len(found) > _FEW_BOXES else None
    marks: list[_Mark] = []
    covered = -1
    for match in found:
        if match.start() < covered:
            continue  # Inside the previous box.
        at = match.end()
        if text[at : at + 1] == "{":
            close = _closing_brace(text, at, end) if closing is None else closing.get(at)
            if close == at + 1 and _MENTION.search(text, max(start, match.start() - 24), match.start()):
                continue  # "I wrote it in \\boxed{} as asked" names the format and is no answer.
            if close is None:
                marks.append(_Mark(None, match.start(), end, "boxed"))
            else:
                marks.append(_Mark(text[at + 1 : close], match.start(), close + 1, "boxed"))
                covered = close + 1
        else:
            bare = _BARE_BOX.match(text, at, end)
            if bare is not None:
                marks.append(_Mark(bare.group(), match.start(), bare.end(), "boxed"))
    return marks


def _tags(text: str, start: int, end: int) -> list[_Mark]:
    if text.find("nswer>", start, end) < 0 and text.find("NSWER>", start, end) < 0:
        return []
    marks: list[_Mark] = []
    opened: re.Match[str] | None = None
    for match in _TAG.finditer(text, start, end):
        if not match.group(1):
            opened = match
        elif opened is not None:
            mentioned = _MENTION.search(text, max(start, opened.start() - 24), opened.start())
            if mentioned is not None and not text[opened.end() : match.start()].strip():
                opened = None
                continue
            marks.append(_Mark(text[opened.end() : match.start()], opened.start(), match.end(), "answer_tag"))
            opened = None
    if opened is not None and "answer>" not in text[opened.end() : end]:
        # Generation often stops at the closing tag, which is then cut off.
        marks.append(_Mark(text[opened.end() : end], opened.start(), end, "answer_tag"))
    return marks


def _joined(text: str, earlier: _Mark, later: _Mark) -> bool:
    """Whether two marks are one answer with two values, rather than an answer and its correction."""
    gap = text[earlier.end : later.start] if later.start - earlier.end <= 60 else None
    if gap is None or earlier.inner is None or not earlier.inner.strip():
        return False
    joint = _JOINT.match(gap)
    if joint is not None and joint.end() == len(gap):
        return True
    if _ALTERNATIVE.search(gap):
        return True
    words = _JOINT_WORDS.match(gap)
    return words is not None and words.end() == len(gap)


def _last_group(text: str, marks: list[_Mark]) -> list[_Mark]:
    """The last mark with those directly before it that belong to the same answer, at most 64."""
    group = [marks[-1]]
    if len(marks) == 1:
        return group
    for mark in reversed(marks[:-1]):
        if len(group) >= 64 or mark.method != group[0].method or not _joined(text, mark, group[0]):
            break
        group.insert(0, mark)
    return group


# A bare value: no marker, no word, no sentence, nothing that the rule below could cut off or look behind.
_BARE_VALUE = re.compile(
    r"(?!\s*>)(?:[ !$%&'()*+,\-/0-9;=>@\[\]^_{|}~]++|\.(?=[0-9])|<(?![/|])|\\(?!boxed|fbox|begin)[A-Za-z]*+"
    r"|[A-Za-z]{1,3}+(?![A-Za-z]))++"
)
_BARE_CHARS_MAX = 120


def _from_marks(text: str, marks: list[_Mark], end: int) -> Span:
    if len(marks) == 1 and marks[0].method == "boxed" and marks[0].inner is not None:
        only = marks[0]
        value = marks[0].inner.strip()
        if value and _FRAMED.search(value) is None:
            before = text[max(0, only.start - _AROUND) : only.start]
            after = text[only.end : min(end, only.end + _AROUND)]
            return Span(value[:ANSWER_CHARS_MAX], only.start, only.end, "boxed", (), before, after)
    group = _last_group(text, marks)
    last = group[-1]
    if last.inner is None:
        return Span(None, last.start, last.end, "unterminated_boxed")
    parts = [mark.inner.strip() for mark in group if mark.inner is not None]
    if last.method == "answer_tag" and len(group) == 1:
        inner = _boxes(last.inner, 0, len(last.inner))
        if inner:
            found = _from_marks(last.inner, inner, len(last.inner))
            at = last.start + text[last.start : last.end].find(">") + 1
            return Span(
                found.text, at + found.start, at + found.end, found.method, found.parts, found.before, found.after
            )
    tagged = last.method == "answer_tag"
    parts = [unframed(part) if tagged or _FRAMED.search(part) is not None else part for part in parts]
    if not parts[-1]:
        return Span(None, last.start, last.end, f"empty_{last.method}")
    before = text[max(0, group[0].start - _AROUND) : group[0].start]
    after = text[last.end : min(end, last.end + _AROUND)]
    if len(parts) == 1:
        return Span(parts[0][:ANSWER_CHARS_MAX], last.start, last.end, last.method, (), before, after)
    whole = ", ".join(parts)[:ANSWER_CHARS_MAX]
    return Span(whole, group[0].start, last.end, last.method, tuple(parts), before, after)


# --- Prose: phrases that announce an answer, sentences, the last line -------------------------------------------------

# The first look is only at what a phrase may begin with, which is most of the work.
_PHRASE = re.compile(
    r"(?=[acfmors\s答о정उا])(?:"
    r"(?:final|correct|right|complete|my)?\s?\b(?:answers?|result|solution|choice|option)\b"
    r"(?:\s?\([^()\n]{0,40}\))?[*_]{0,3}\s{0,2}"
    r"(?::|=|\b(?:is|are|would be|must be|should be|will be|was|equals|to (?:the|this) [a-z ]{1,30}\b(?:is|are))\b)"
    r"|\bfinal answer\b[*_ ]{0,3}\n"
    r"|^\s{0,3}A\s?:"
    r"|答案(?:是|为|為)?\s?[：:]?|réponse(?: finale)?\s?(?:est|:)|respuesta(?: final)?\s?(?:es|:)|resposta(?:"
    r" final)?\s?(?:é|:)"
    r"|antwort\s?(?:ist|lautet|:)|risposta(?: finale)?\s?(?:è|:)"
    r"|ответ\s?[:—–-]|答え(?:は)?\s?[：:]?|정답(?:은)?\s?[：:]?"
    r"|उत्तर\s?(?:है)?\s?[:：]?|الجواب(?: هو)?\s?:?|الإجابة(?: هي)?\s?:?"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
# What every phrase in ASCII has; a plain search for it is much faster than the phrases themselves.
_TRIGGERS = ("nswer", "NSWER", "esult", "olution", "hoice", "ption", "uesta", "sposta", "ntwort", "ponse")
_COLON_AFTER_A = re.compile(r"[Aa]\s?:")  # Much faster to find, and seldom there.
_A_COLON = re.compile(r"^\s{0,3}[Aa]\s?:", re.MULTILINE)
_LINE_TAIL = re.compile(r"[^\n]*")
_BLANK = re.compile(r"[\s*_#>`:]*(?:-{3,}[\s*_#>`:]*)?")
# A full stop that ends a sentence: not inside a number, and followed by space or the end.
_STOP = re.compile(r"[.!?。！？।](?:(?<=[。！？।])|(?<![0-9][.][.!?])(?=\s+[^\s0-9]|\s*$))")
_MATH = re.compile(r"\$\$(?:\\.|[^$\\])+\$\$|(?<!\\)\$(?:\\.|[^$\\\n])+\$|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_VERB = re.compile(
    r"(?:\bit['’]s\b|\b(?:is|are|be|equals|equal to|was|were|gives?|yields?|est(?: de)?|es|ist|sont|é|è|becomes?"
    r"|(?:we|you|i)\s(?:find|get|obtain|have))\b|[为為是]|(?<![0-9])(?<![0-9]\s):(?!=))\s*",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|in conclusion|conclusion|finally|in total|altogether|overall|donc"
    r"|ainsi"
    r"|por lo tanto|por tanto|así|also|portanto|quindi|total|final)\b|因此|所以|结论|結論|故|共|इसलिए|अतः|поэтому|итак"
    r"|итого|إذن|لذلك|따라서|したがって|よって",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-−+]?[$€£¥]?\d+(?:[.,]\d+)*(?:\s?/\s?\d+)?(?:\s?\\?%)?|[-−+]?\.\d+")
_VALUE_AND_UNIT = re.compile(
    r"[\W\d_]*(?:(?:\\?[A-Za-z]{1,2}|and)(?![A-Za-z])[\W\d_]*)*(?:\s(?:percent|pct|degrees?|[a-z]{2,12})\.?)?$"
)
# "$x \\ge 5$ is the solution": here what comes before the verb is the answer.
_PREDICATE = re.compile(
    r"\s*(?:is|are)\s+(?:the|our|my|a|your)?\s*(?:final|correct|required|desired|only)?\s*(?:answers?|solutions?"
    r"|result)\b",
    re.I,
)
_REMARKS_MAX = 4  # Closing lines without an answer ("That is my final answer.") that are passed over.
_NEAR_CHARS = 300
_SENTENCE_CHARS_MAX = 2000
_SHORT_CHARS = 300


_FRAMED = re.compile(r"[*`\"]")
_FRAME_ENDS = frozenset(("*", "_", "`", '"', "“", ".", "。"))


def unframed(text: str) -> str:
    """Without the Markdown, code ticks and final stop around it."""
    text = text.strip().lstrip("#>").strip()
    if text[-1:] not in _FRAME_ENDS:
        return text
    for _ in range(3):
        before = text
        if text.endswith("**") and text.count("**") == 1:
            text = text[:-2].rstrip()
        for frame in ("**", "__", "`", "*", '"', "“"):
            if len(text) > 2 * len(frame) and text.startswith(frame) and text.endswith(frame):
                text = text[len(frame) : -len(frame)].strip()
        if len(text) > 1 and text[-1] in ".。" and text[-2:] != "..":
            text = text[:-1].rstrip()
        if text == before:
            break
    return text


def first_sentence(text: str) -> str:
    """Up to the first stop that ends a sentence outside of mathematics."""
    text = text[:_SENTENCE_CHARS_MAX]
    maths = [match.span() for match in _MATH.finditer(text)] if "$" in text or "\\" in text else []
    for stop in _STOP.finditer(text):
        if not any(start < stop.start() < end for start, end in maths):
            return text[: stop.start()]
    return text


def narrowed(sentence: str) -> str:
    """The part of a sentence that states its value: the bold or mathematical part, or what follows the last verb."""
    text = sentence.strip()[-_SENTENCE_CHARS_MAX:]
    bold = _BOLD.findall(text)
    if bold and any(char.isdigit() for char in bold[-1]):
        text = bold[-1]
    text = unframed(text)
    maths = [match.span() for match in _MATH.finditer(text)] if "$" in text or "\\" in text else []

    def outside(at: int) -> bool:
        return not any(start < at < end for start, end in maths)

    if maths:
        stated = _PREDICATE.match(text, maths[-1][1])
        if stated is not None:
            return text[maths[-1][0] : maths[-1][1]]
    tail = 0
    for verb in _VERB.finditer(text):
        if outside(verb.start()) and verb.end() < len(text):
            tail = verb.end()
    rest = [(start, end) for start, end in maths if start >= tail]
    if rest:
        # Prose around mathematics is dropped; prose between two pieces of it ("and") belongs to the answer.
        head = text[tail : rest[0][0]].strip()
        if tail == 0 or not any(char.isdigit() for char in head):
            unit = re.match(r"\s?(?:\\?%|[^\W\d_]{1,12}\b)?", text[rest[-1][1] :])
            return (text[rest[0][0] : rest[-1][1]] + (unit.group() if unit else "")).strip()
    return text[tail:].strip()


# What every phrase in any script has, in lower case. A few letters are another's equal without having its lower case.
_TRIGGERS_ABROAD = (
    "nswer", "esult", "olution", "hoice", "ption", "uesta", "sposta", "ntwort", "ponse", "答案", "ответ", "答え",
    "정답", "उत्तर", "الجواب", "الإجابة",
)  # fmt: skip
_EQUAL_LETTERS = re.compile("[ſıİ\u1c80-\u1c88]")


def _triggered_abroad(text: str, start: int, end: int) -> bool:
    lowered = text[start:end].lower()
    return any(trigger in lowered for trigger in _TRIGGERS_ABROAD) or _EQUAL_LETTERS.search(text) is not None


def _triggered(text: str, start: int, end: int) -> bool:
    # Ten plain searches are faster than one for ten things.
    return any(text.find(trigger, start, end) >= 0 for trigger in _TRIGGERS)


def _phrase(text: str, start: int, end: int) -> tuple[int, int, int] | None:
    """The region after the last announcing phrase (the rest of its line, or the next line when that is blank), and
    where the phrase begins."""
    if not (_triggered(text, start, end) if text.isascii() else _triggered_abroad(text, start, end)) and (
        text.find(":", start, end) < 0
        or _COLON_AFTER_A.search(text, start, end) is None
        or _A_COLON.search(text, start, end) is None
    ):
        return None
    last: re.Match[str] | None = None
    # The last lines first: the phrase is nearly always there, and only the last one counts.
    near = text.rfind("\n", start, max(start, end - _NEAR_CHARS)) + 1
    for begin, stop in ((near, end), (start, near)):
        for match in _PHRASE.finditer(text, max(begin, start), stop):
            last = match
        if last is not None:
            break
    if last is None:
        return None
    at = last.end()
    blank = _BLANK.match(text, at, end)
    tail = _LINE_TAIL.match(text, blank.end() if blank else at, end)
    if tail is None or not tail.group().strip():
        return None
    return tail.start(), tail.end(), last.start()


def _last_line(text: str, start: int, end: int) -> tuple[int, int] | None:
    stripped = len(text[start:end].rstrip()) + start
    if stripped == start:
        return None
    newline = text.rfind("\n", start, stripped)
    return (newline + 1 if newline >= 0 else start), stripped


def _sentence_number(line: str) -> str | None:
    """The value stated by the last sentence of prose that concludes something, or None."""
    line = line[-_SENTENCE_CHARS_MAX:]
    stops = [match.end() for match in _STOP.finditer(line)]
    cuts = [0, *stops, len(line)]
    sentences = [line[a:b].strip() for a, b in pairwise(cuts)]
    sentences = [sentence for sentence in sentences if sentence]
    for sentence in sentences[:-5:-1]:
        if not (_CONCLUDES.search(sentence) or "=" in sentence or "**" in sentence):
            continue
        value = narrowed(sentence)
        if (
            value
            and len(value) <= 60
            and any(char.isdigit() for char in value)
            and (value[0] == "$" or "\\" in value or _VALUE_AND_UNIT.match(value))
        ):
            return value
        equals = sentence.rfind("=")
        numbers = list(_NUMBER.finditer(sentence, equals + 1))
        if numbers:
            return numbers[-1].group() if equals < 0 else numbers[0].group()
    return None


def last_tag(completion: str, start: int, end: int) -> str | None:
    """What the last `<answer>` within a range encloses, to the character; None where there is none."""
    tags = _tags(completion, start, end)
    return (tags[-1].inner or "") if tags else None


def marked(completion: str, start: int, end: int) -> Span | None:
    """Lines 2 and 3 of the rule alone, within a range: a box, an answer tag or `####`; None where there is no mark."""
    marks = _boxes(completion, start, end) + _tags(completion, start, end)
    if marks:
        marks.sort(key=lambda mark: mark.end)
        return _from_marks(completion, marks, end)
    hashes = completion.rfind("####", start, end)
    return None if hashes < 0 else _from_hashes(completion, hashes, end)


def announced(completion: str, start: int, end: int) -> Span | None:
    """The rest of the line after the last announcing phrase within a range, sentences and all; None without one."""
    region = _phrase(completion, start, end)
    return None if region is None else Span(completion[region[0] : region[1]].strip(), region[0], region[1], "phrase")


def _from_hashes(completion: str, at: int, end: int) -> Span:
    tail = _LINE_TAIL.match(completion, at + 4, end)
    text = tail.group().strip("# \t") if tail else ""
    return Span(text or None, at, tail.end() if tail else end, "hashes" if text else "empty")


def extract(completion: str, where: Extract = "auto") -> Span:
    """Find the answer in a completion.

    Args:
        completion: the whole text of the assistant's turn; any length.
        where: the task's `extract` option.

    Returns: the span; its text is None where there is no answer, and its method says why.
    """
    if where == "auto" and len(completion) <= _BARE_CHARS_MAX and _BARE_VALUE.fullmatch(completion) is not None:
        value = completion.strip()
        if value and value[-1] not in _FRAME_ENDS:
            return Span(value, 0, len(completion), "line", narrow=value)
    bounds = visible(completion)
    if bounds is None:
        return Span(None, len(completion), len(completion), "unterminated_think")
    start, end = bounds
    marks: list[_Mark] = []
    if where in ("auto", "boxed"):
        marks = _boxes(completion, start, end)
    if where in ("auto", "answer_tag"):
        marks += _tags(completion, start, end)
    if marks:
        # A box inside an answer tag ends before the tag does, so the tag is chosen and then narrowed.
        if len(marks) > 1:
            marks.sort(key=lambda mark: mark.end)
        return _from_marks(completion, marks, end)
    if where in ("boxed", "answer_tag"):
        return Span(None, end, end, "nothing")
    if where == "auto":
        hashes = completion.rfind("####", start, end)
        if hashes >= 0:
            return _from_hashes(completion, hashes, end)
        region = _phrase(completion, start, end)
        if region is not None:
            sentence = first_sentence(completion[region[0] : region[1]])
            text = _stated(narrowed(sentence), sentence)
            before = completion[max(start, region[2] - _AROUND) : region[2]]
            return Span(text or None, region[0], region[1], "phrase" if text else "empty", before=before)
    line = _last_line(completion, start, end)
    if line is None:
        return Span(None, end, end, "empty")
    whole = completion[start:end].strip()
    if where == "auto" and _asks(whole):
        return Span(None, end, end, "question")
    for _ in range(_REMARKS_MAX):
        earlier = _last_line(completion, start, line[0]) if where == "auto" and line[0] > start else None
        if earlier is None:
            break
        closing = completion[line[0] : line[1]]
        empty = _CONTENT.search(closing) is None
        if not empty and (_has_digit(closing) or _REMARK.search(closing) is None):
            break
        line = earlier
        whole = completion[start : line[1]].strip()
        if _asks(completion[line[0] : line[1]]):
            return Span(None, end, end, "question")
    if whole[:1] in '*"' and whole.count("\n") == 1:
        whole = whole.lstrip('*" \n')  # The other half of a frame whose end was just skipped.
    framed = whole.startswith("\\begin{") and whole.endswith("}") and len(whole) <= ANSWER_CHARS_MAX
    if where == "auto" and (framed or (len(whole) <= _SHORT_CHARS and "\n" not in whole)):
        return Span(unframed(whole), start, end, "line", narrow=None if framed else _whole(whole))
    text = completion[line[0] : line[1]]
    short = unframed(text)
    if where == "last_line" or (len(short) <= 80 and _mathematical(short)):
        value = short if _mathematical(short) else _whole(short)
        return Span(value[:ANSWER_CHARS_MAX] or None, line[0], line[1], "line")
    value_in_prose = _sentence_number(text)
    if value_in_prose is not None:
        return Span(value_in_prose, line[0], line[1], "sentence")
    return Span(None, line[0], line[1], "nothing")


_ASKING = re.compile(
    r"[\s>#*]*(?:(?:please|now|then|thus|hence)\s+)?(?:compute|find|solve|evaluate|determine|simplify|express"
    r"|what (?:is|are)"
    r"|how (?:many|much)|calculate|prove|show that|factor|expand|give (?:your|the)|write (?:your|the|down)|state"
    r"|round"
    r"|estimate|convert|graph|enter|select|choose)\b",
    re.IGNORECASE,
)
_CONTENT = re.compile(r"[^\W_]|\\")
_REMARK = re.compile(
    r"\b(?:final answer|my answer|the answer|i hope|hope this|that is all|done|good luck|let me know|checked"
    r"|verified|q\.?e\.?d)\b",
    re.IGNORECASE,
)


_ASCII_DIGIT = re.compile(r"[0-9]")


def _has_digit(text: str) -> bool:
    return _ASCII_DIGIT.search(text) is not None or (not text.isascii() and any(char.isdigit() for char in text))


def _asks(text: str) -> bool:
    """Whether a text without any marker is a problem rather than a solution: it begins or ends with a question."""
    tail = text[-400:].rstrip("*_ \n")
    if tail.endswith("?"):
        return True
    first = text[:1]
    if (first.isalpha() or first.isspace() or first in ">#*") and _ASKING.match(text[:200]):
        return True
    if tail.isascii() and len(tail.split(None, 1)) < 2:
        return False  # One word is no sentence with a question after it.
    stops = [match.end() for match in _STOP.finditer(tail[:-1])]
    return bool(stops) and _ASKING.match(tail, stops[-1]) is not None


def _stated(value: str, sentence: str) -> str:
    """An announced value; from prose ("Janeth will owe 220 $ after 12 months") its number, the one in money first."""
    if "\\" in value or "$" in value[:1] or len(re.findall(r"[^\W\d_]{2,}", value)) < 3:
        return value
    numbers = list(_NUMBER.finditer(value))
    if len(numbers) == 1:
        return value if value.startswith(numbers[0].group()) else numbers[0].group()
    for match in numbers:
        if match.group()[0] in "$€£¥" or re.match(r"\s?[$€£¥%]", value[match.end() :]):
            return match.group()
    return value


_LONG_WORD = re.compile(r"[^\W\d_]{4}")
_LATEX_WORDS = re.compile(r"\\(?:text|mathrm|mbox|textbf|begin|end)\s*\{[^{}]{0,40}\}|\\[A-Za-z]+")


def _mathematical(text: str) -> bool:
    """Whether a line is a value by itself rather than prose: no word of three letters outside of LaTeX commands."""
    bare = _LATEX_WORDS.sub(" ", text) if "\\" in text else text
    if (
        not bare.isascii()
        and sum(1 for char in bare if char > "\u02ff" and char.isalpha() and not "\u0370" <= char <= "\u03ff") > 2
    ):
        return False
    return bool(text) and _LONG_WORD.search(bare) is None


def _whole(text: str) -> str:
    """A completion of one line: the value its sentence states, or the line itself."""
    text = text.strip()
    if (text[:1] in "$\\" and _MATH.fullmatch(text)) or _mathematical(text):
        return unframed(text)
    if text.count(" ") >= 2 or not text.isascii():
        value = _sentence_number(text)
        if value is not None:
            return value
        return narrowed(text)
    return unframed(text)
