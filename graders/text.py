"""A short answer in words against its reference: to the character, as SQuAD compares, by shared words, or by a pattern.

Where the answer is looked for (`extract: "auto"`; the first line that applies decides):

1. Text up to the last `</think>` never counts; a `<think>` opened after it and never closed means no answer.
2. Of `\\boxed{...}` and `<answer>...</answer>`, the one that ends last; empty or unterminated it is no answer.
3. What follows the last `####`, up to the end of its line.
4. To a reference of one line: what follows the last phrase that announces an answer ("the answer is", "Final answer:",
   ...), up to the end of its sentence; else the last line that is not a closing remark.
5. To a reference of several lines: the whole of what is left.

A sentence in the answer's place is also read without what announces its answer ("The answer is **Paris**."), unless it
denies it or leaves it open; both readings are of the same words.

`"full"` takes all that follows the reasoning; the other values of `extract` are those of graders.extract.

Not covered: synonyms, spelling, translation: what is not said in the reference's words is another answer.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

from graders.errors import TaskInvalid
from graders.extract import Span, announced, extract, marked, unframed, visible
from graders.math.names import names
from graders.math.text import DENIALS, OPEN
from graders.sentences import sentences
from graders.task import TextTask
from graders.verdict import JsonValue, Outcome, Reason, Verdict

REFERENCE_CHARS_MAX = 64 * 1024
EXPLAIN_CHARS_MAX = 2048
CACHED_CHARS_MAX = 4096
PATTERN_BYTES_MAX = 8 * 2**20
"""What RE2 may use for one pattern."""

ASIDE_WORDS = 32
"""`contains`: words an answer may have besides the reference, or as many as the reference has where that is more."""

ALTERNATIVES = 3
"""`contains`: so many other items, separated by commas, slashes or line breaks, or one word more where there are no
separators, make the answer a list to choose from."""


# --- words -----------------------------------------------------------------------------------------------------------

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_KEPT = re.compile(
    # The sign first, which the search looks for, and then what stands around it.
    r"[./:+#\-−](?:(?<=[0-9][./:])(?=[0-9])|(?<=[-−])(?<![^\s(].)(?=[.]?[0-9])|(?<=[^\W_][+#])[+#]*+(?![^\W_]))",
    re.DOTALL,
)
"""Punctuation that makes another number or name of what it stands in: 3.5, 1/2, 10:30, -5, C++, C#."""
_ASCII_SYMBOLS = frozenset("$+<=>^`|~")
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f])"
)
"""Letters of scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, Han."""


def normalized(text: str) -> str:
    """A text without case, articles, punctuation and superfluous white space.

    As SQuAD's own evaluation does, but for Unicode (NFKC, every script's punctuation), and without making one of what
    differs: 3.5 is not 35, -5 is not 5, C++ is not C. A text of nothing but articles keeps them.

    Source: normalize_answer of the SQuAD 1.1 evaluation script (Rajpurkar et al., 2016).
    """
    return _kept(text) if len(text) <= CACHED_CHARS_MAX else _normal(text)


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept: list[str] = []
    end = 0
    for match in _KEPT.finditer(text):
        kept += (_unpunctuated(text[end : match.start()]), match.group().replace("−", "-"))
        end = match.end()
    kept.append(_unpunctuated(text[end:]))
    bare = "".join(kept)
    return " ".join(_ARTICLES.sub(" ", bare).split()) or " ".join(bare.split())


# A group's completions share their reference, which is looked at several times for each.
_kept = lru_cache(maxsize=1024)(_normal)


def _unpunctuated(text: str) -> str:
    return text.translate(_DROPPED)


class _Dropped(dict[int, int | None]):
    """Code points to None for punctuation, to themselves for the rest; filled as they are met."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        found = None if char in _ASCII_SYMBOLS or unicodedata.category(char)[0] == "P" else code
        self[code] = found
        return found


_DROPPED = _Dropped()


def tokens(text: str) -> list[str]:
    """The words of a text, normalized; of scripts written without spaces, the characters."""
    return _UNSPACED.sub(r" \1 ", normalized(text)).split()


def f1(reference: str, answer: str) -> float:
    """The harmonic mean of precision and recall over the words two texts share, each as often as both have it.

    Returns: 0 to 1; 1 when the words are the same, in whatever order.
    Source: f1_score of the SQuAD 1.1 evaluation script (Rajpurkar et al., 2016); by character where a script has no
        spaces, as in MLQA (Lewis et al., arXiv 1910.07475).
    """
    mine, theirs = Counter(tokens(reference)), Counter(tokens(answer))
    if mine == theirs:
        return 1.0 if mine else 0.0
    shared = (mine & theirs).total()
    return 2 * shared / (mine.total() + theirs.total())


# --- where the answer is ---------------------------------------------------------------------------------------------


def find(completion: str, where: str, *, lines: bool) -> Span:
    """The answer's span by the rule above.

    Args:
        where: the task's `extract`.
        lines: the reference has several lines, so an answer without any marker may have them too.
    """
    if where in ("boxed", "answer_tag"):
        return _narrowed(_unemptied(extract(completion, "boxed" if where == "boxed" else "answer_tag"), completion))
    bounds = visible(completion)
    if bounds is None:
        return Span(None, len(completion), len(completion), "unterminated_think")
    start, end = bounds
    if where == "auto":
        mark = marked(completion, start, end)
        if mark is not None:
            return _narrowed(_unemptied(mark, completion))
        said = None if lines else announced(completion, start, end)
        if said is not None and said.text is not None:
            return Span(_sentence(said.text), said.start, said.end, "phrase")
    whole = completion[start:end].strip()
    if not whole:
        return Span(None, end, end, "empty")
    if where == "full" or (where == "auto" and lines):
        return Span(whole, start, end, "full")
    kept = [line for line in whole.split("\n") if any(char.isalnum() for char in line)]
    while where == "auto" and len(kept) > 1 and _REMARK.search(kept[-1]) and not any(map(str.isdigit, kept[-1])):
        kept.pop()
    return _narrowed(Span(unframed((kept or [whole])[-1]) or None, start, end, "line"))


_REMARK = re.compile(
    r"^\W*(?:(?:that|this|which) is (?:my|the) (?:final )?answer|i hope|hope (?:this|that) helps|let me know|done"
    r"|q\.?e\.?d)",
    re.IGNORECASE,
)
_WIDE_STOP = re.compile("[。！？।]")


def _sentence(line: str) -> str | None:
    """The first sentence of what follows an announcing phrase, without the Markdown around it."""
    first = (sentences(line[:_SENTENCE_CHARS_MAX]) or [""])[0]
    wide = _WIDE_STOP.search(first)
    said = unframed(first[: wide.start()] if wide and wide.start() else first)
    # "*Paris*." after a phrase has lost its first asterisk to the phrase.
    return _LOOSE_FRAME.sub(r"\1", said) or None


_LOOSE_FRAME = re.compile(r"^([^*_`]+)[*_`]{1,3}$")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_HEAD_CHARS = 24


def _narrowed(span: Span) -> Span:
    """A sentence in the answer's place, with the part of it that is the answer: after "the answer is", or in bold."""
    text = span.text
    if text is None or "\n" in text or len(text) > _SENTENCE_CHARS_MAX or span.parts:
        return span
    said = announced(text, 0, len(text))
    narrow, rest = None, text
    if said is not None and said.text and said.start <= _HEAD_CHARS:
        narrow, rest = _sentence(said.text), text[: said.start]
    elif len(bold := _BOLD.findall(text)) == 1:
        narrow, rest = bold[0].strip(), _BOLD.sub(" ", text)
    if narrow is None or any(sign.search(rest) for sign in (DENIALS, OPEN, _OR)):
        return span
    return span._replace(narrow=narrow)


_SENTENCE_CHARS_MAX = 8192


def _unemptied(span: Span, completion: str) -> Span:
    """A tag that holds nothing but what frames an answer elsewhere ("#", ">") holds an answer."""
    if span.method != "empty_answer_tag":
        return span
    inner = _inner(completion[span.start : span.end]).strip()
    return Span(inner, span.start, span.end, "answer_tag") if inner else span


def _inner(region: str) -> str:
    """What a tag encloses, to the character."""
    inner = region.partition(">")[2]
    return inner.rpartition("</")[0] if inner[-len("</answer>") :].lower() == "</answer>" else inner


# --- the matches -----------------------------------------------------------------------------------------------------

Found = tuple[float, Reason]
"""A score in [0, 1], and why."""


def _exact(reference: str, answer: str, prompt: str) -> Found:
    return (1.0, Reason.EQUAL) if answer.strip() == reference.strip() else (0.0, Reason.DIFFERENT)


def _normalized(reference: str, answer: str, prompt: str) -> Found:
    equal = normalized(answer) == normalized(reference)
    return (1.0, Reason.EQUAL) if equal else (0.0, Reason.DIFFERENT)


def _f1(reference: str, answer: str, prompt: str) -> Found:
    score = f1(reference, answer)
    return score, Reason.EQUAL if score == 1 else Reason.OVERLAP if score else Reason.DIFFERENT


def _contains(reference: str, answer: str, prompt: str) -> Found:
    """The reference's words stand together in the answer, which says little else and does not leave it open."""
    wanted, said = tokens(reference), tokens(answer)
    if wanted == said:
        return 1.0, Reason.EQUAL
    # A space on both sides keeps "art" out of "cart"; one scan of the joined words.
    phrase = f" {' '.join(wanted)} "
    if phrase not in f" {' '.join(said)} ":
        return 0.0, Reason.DIFFERENT
    if len(said) - len(wanted) > max(ASIDE_WORDS, len(wanted)):
        return 0.0, Reason.HEDGED
    for sign in (DENIALS, OPEN, _OR):
        if sign.search(answer) and not sign.search(reference):
            return 0.0, Reason.HEDGED
    short, others = max(4, len(wanted)), 0
    for part in _ITEMS.split(answer):
        item = " ".join(tokens(part))
        others += bool(item) and item.count(" ") < short and phrase not in f" {item} "
        if others >= ALTERNATIVES:
            return 0.0, Reason.HEDGED
    aside = (Counter(said) - Counter(wanted)).elements()
    known = frozenset(tokens(prompt[-_PROMPT_CHARS_MAX:]))
    plain, news = 0, 0
    for word in aside:
        if word in _PLAIN or word in known or _UNSPACED.match(word):
            plain += 1
        else:
            news += 1
    return (0.0, Reason.HEDGED) if news > ALTERNATIVES and 2 * plain < news else (1.0, Reason.CONTAINS)


_OR = re.compile(r"\bor\b|或|または|\bou\b|\boder\b", re.IGNORECASE)
_ITEMS = re.compile(r"[,;/|\n、，；•]|\band\b|(?<=\s)[-*](?=\s)|\s\d{1,2}[.)]\s", re.IGNORECASE)
_PLAIN = names(
    "is are was were be been being has have had do does did will would can could should must may might of in on "
    "at by to for from with as and but so if than that this these those it its he she they we you i his her their "
    "our my your who which what where when how there here not no also only just very most more all any some each "
    "into about after before between during under over out up down then now because since answer final correct "
    "called known named"
)
"""Words of which sentences are made, and lists are not."""
_PROMPT_CHARS_MAX = 20_000


def _regex(pattern: str, answer: str, prompt: str) -> Found:
    """The pattern matches the whole answer."""
    matched = compiled(pattern).fullmatch(answer)
    return (1.0, Reason.MATCHES) if matched else (0.0, Reason.DIFFERENT)


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Any:
    """A pattern of RE2, whose time is linear in the text whatever the pattern is.

    Raises: TaskInvalid if RE2 refuses it, or it matches the empty text, which is every answer's refuge.
    """
    import re2  # Loaded by the first pattern.

    options = re2.Options()
    options.log_errors = False
    options.max_mem = PATTERN_BYTES_MAX
    try:
        made = re2.compile(pattern, options)
    except re2.error as error:
        raise TaskInvalid("unreadable_pattern", "RE2 does not take the reference as a pattern") from error
    if made.fullmatch(""):
        raise TaskInvalid("empty_reference", "the reference is a pattern that matches the empty text")
    return made


_MATCHES: dict[str, Callable[[str, str, str], Found]] = {
    "exact": _exact,
    "normalized": _normalized,
    "f1": _f1,
    "contains": _contains,
    "regex": _regex,
}


def _checked(task: TextTask) -> tuple[str, ...]:
    """The references, each of which says something."""
    given = (task.answer,) if isinstance(task.answer, str) else task.answer
    for reference in given:
        if len(reference) > REFERENCE_CHARS_MAX:
            raise TaskInvalid("reference_too_long", f"a reference is longer than {REFERENCE_CHARS_MAX} characters")
        blank = not reference.strip()
        if blank or (task.match in ("normalized", "f1", "contains") and not normalized(reference)):
            raise TaskInvalid("empty_reference", "a reference has no word that could be compared")
        if task.match == "regex":
            compiled(reference)
    return given


def grade(task: TextTask, completion: str, prompt: str = "") -> Verdict:
    """Judge one completion.

    Returns: the verdict against the reference it meets best; its score is between 0 and 1 with `f1` only.
    Raises:
        TaskInvalid: a reference is empty or too long, or a pattern that RE2 refuses.
    """
    references = _checked(task)
    span = find(completion, task.extract, lines=any("\n" in reference.strip() for reference in references))
    explain: dict[str, JsonValue] = {"expected": references[0][:EXPLAIN_CHARS_MAX]}
    if span.text is None:
        return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method, explain=explain)
    match = _MATCHES[task.match]
    said = span.text
    if task.match == "exact" and span.method == "answer_tag" and not span.parts:
        # Markdown, quotes or a final stop around an answer may be its frame or its own.
        raw = _inner(completion[span.start : span.end])
        said = raw if any(_exact(one, raw, "")[0] for one in references) else span.text
    # Of equal scores the first reference's, so that the reason does not depend on chance.
    score, reason, expected = 0.0, Reason.DIFFERENT, references[0]
    for reference, answer in product(references, dict.fromkeys((said, span.narrow or said))):
        found, why = match(reference, answer, prompt)
        if found > score or (reason is Reason.DIFFERENT and why is not Reason.DIFFERENT):
            score, reason, expected = found, why, reference
    explain["expected"] = expected[:EXPLAIN_CHARS_MAX]
    if task.match not in ("exact", "regex"):
        explain["expected_normal"] = normalized(expected)[:EXPLAIN_CHARS_MAX]
        explain["answer_normal"] = normalized(span.text)[:EXPLAIN_CHARS_MAX]
    outcome = Outcome.CORRECT if score == 1 else Outcome.PARTIAL if score > 0 else Outcome.WRONG
    return Verdict(outcome, reason, score, task.match, span.text[:EXPLAIN_CHARS_MAX], explain=explain)
