"""A maths answer against its reference: extract the span, read both sides, climb the rungs, say how it was decided.

    extract ──▶ span ──▶ parse ──▶ tree ─┐
                        reference tree ──┴▶ kinds.decide ──▶ rungs.equal ──▶ bounded (sympy, in a child) ──▶ Verdict

References are read once and (reference, answer) pairs decided once; both caches are bounded. All of it is pure
computation within bounds, except for what no rung can tell, which goes to a child process that can be killed.

Who caused what: an answer that is wrong, missing, hedged or unreadable is WRONG with its reason; one that is too costly
to decide is UNDECIDED; a reference that cannot be read is TaskInvalid; a child that cannot be started is a GraderFault.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from math import gcd
from typing import NamedTuple, Self

from graders.errors import TaskInvalid
from graders.extract import Span, extract
from graders.math import derive, rungs, text, tree, units
from graders.math.bounded import Residue
from graders.math.comparing.kinds import Asker, Found
from graders.math.names import names
from graders.math.parse import parse
from graders.math.quantity import quantity, spelled
from graders.math.recent import Recent
from graders.math.tokens import Unreadable
from graders.math.tree import NUMBER_OPS, Node
from graders.task import MathTask
from graders.verdict import JsonValue, Outcome, Reason, Verdict

REFERENCE_CHARS_MAX = 8192
EXPLAIN_CHARS_MAX = 2048
REFERENCES_CACHED = 2048
PAIRS_CACHED = 16_384
CACHED_CHARS_MAX = 1024
"""Longer references and answers are read again each time, so that the caches hold a few megabytes whatever comes."""

Decide = Callable[[Node, Node], "bool | None"]


class Reference(NamedTuple):
    """A reference answer, read once.

    Args:
        text: as given, without the box or dollar signs around it.
        tree: what it says, or None when it is words.
        letters: the capital letters it is, when it is the label of an option or of several.
        integer: its value, when it is a plain integer.
        quantity: the number with a unit it is or may be read as: "5 m" as five metres.
    """

    text: str
    tree: Node | None
    letters: frozenset[str] | None = None
    integer: int | None = None
    quantity: Node | None = None


_WRAPPED = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textit|mbox|boxed)\s*\{|[{}$]|\\[,;: ]")
_LABEL = re.compile(r"[A-J]")
_LETTERS = re.compile(r"\W*([A-J])\W*(?:(?:\band\b|[,;&])\W*([A-J])\W*)*")
_LETTER_AND_TEXT = re.compile(r"\s*(?:\(([A-J])\)|([A-J])[.:)]|([A-J])(?=\s+[A-Z][a-z]))\s*([^\n]{1,80}).*", re.DOTALL)
_DAMAGED = (("\x0c", "\\f"), ("\x08", "\\b"), ("\x07", "\\a"), ("\x0b", "\\v"))
_DAMAGED_TAB = re.compile(r"\t(?=ext|imes|an\b|heta|frac|ilde|riangle|au\b|o\b)")
_DAMAGED_RETURN = re.compile(r"\r(?=ight|ho\b|angle|floor|ceil)")
_DOUBLED = re.compile(
    r"\\\\(?=(?:d?frac|left|right|sqrt|text|pi|infty|boxed|cup|cap|in|times|cdot|pm|leq?|geq?|\{|\}"
    r"|[()\[\]])(?![A-Za-z]))"
)
_DOLLARS = re.compile(r"^\s*(\$\$?|\\\[|\\\()(.*?)(\$\$?|\\\]|\\\))\s*[.,]?\s*$", re.DOTALL)


def repaired(given: str) -> str:
    """Undo what JSON and Python string literals do to LaTeX: form feeds for \\f, doubled backslashes."""
    if "\\" not in given and given.isprintable():
        return given
    for char, command in _DAMAGED:
        if char in given:
            given = given.replace(char, command)
    if "\t" in given:
        given = _DAMAGED_TAB.sub(r"\\t", given)
    if "\r" in given:
        given = _DAMAGED_RETURN.sub(r"\\r", given)
    if "\\\\" in given and "\\begin" not in given:
        given = _DOUBLED.sub(r"\\", given)
    return given


def read_reference(given: str) -> Reference:
    """Read a reference; a whole solution is narrowed to its answer first.

    Raises:
        TaskInvalid: it is empty, too long, or neither mathematics nor words.
    """
    shown = repaired(given)
    if "boxed" in shown or "fbox" in shown:
        span = extract(shown)
        if span.text is not None:
            shown = span.text + ("\\%" if _percent_after(span) else "")
    elif len(shown) > 400 or ("\n" in shown.strip() and "\\begin" not in shown):
        span = extract(shown)
        first = _option_letters(shown)
        if first is None and span.text is not None and span.method in ("phrase", "answer_tag", "hashes"):
            shown = span.text
    shown = shown.strip()
    if shown[:1] == "$" and shown[-1:] == "$" and shown.count("$") == 2:
        shown = shown[1:-1].strip()
    elif shown[:1] == "$" or shown[:2] in ("\\[", "\\("):
        dollars = _DOLLARS.match(shown)
        if dollars is not None and "$" not in dollars.group(2):
            shown = dollars.group(2).strip()
    if not shown:
        raise TaskInvalid("empty_reference", "the reference answer is empty")
    if len(shown) > REFERENCE_CHARS_MAX:
        raise TaskInvalid("reference_too_long", f"the reference answer is longer than {REFERENCE_CHARS_MAX} characters")
    if _INTEGER.fullmatch(shown):
        return Reference(shown, _tree_or_none(shown), None, int(shown))
    letters = _option_letters(shown)
    if letters is not None:
        return Reference(shown, None, letters)
    if _is_order(shown):
        return Reference(shown, None)
    read = _tree_or_none(shown)
    measured = quantity(shown, read)
    if read is None:
        read = measured
    if read is None and not text.sensible(shown):
        raise TaskInvalid("unreadable_reference", "the reference answer is neither readable mathematics nor words")
    return Reference(shown, read, quantity=measured)


_APART = re.compile(r"[\s,$]|\\[,; ]")
_CAPITALS = re.compile(r"(?:\\(?:text|mathrm|textbf|mathbf)\{)?([A-H]{3,8})\}?")


def _is_order(shown: str) -> bool:
    """Whether a reference is the first few letters in some order, as ABDC: things put in order, and no product."""
    match = _CAPITALS.fullmatch(shown)
    return match is not None and sorted(match.group(1)) == list("ABCDEFGH"[: len(match.group(1))])


def _in_order(order: str, answer: str) -> bool:
    """Whether an answer lists the letters of an order one by one, which are no articles: A, B, D, C for ABDC."""
    return _is_order(order) and _APART.sub("", answer) == order


def _option_letters(shown: str) -> frozenset[str] | None:
    """The labels of options a reference names: "C", "(C)", "A and D", "(A) Cecile"; None when it is no such thing."""
    if _LABEL.search(shown) is None:
        return None
    bare = _WRAPPED.sub(" ", shown) if "\\" in shown or "{" in shown else shown
    if _LETTERS.fullmatch(bare):
        return frozenset(re.findall(r"[A-J]", bare))
    labelled = _LETTER_AND_TEXT.fullmatch(bare)
    if labelled is not None:
        return frozenset(group for group in labelled.groups()[:3] if group)
    return None


_OPTION_LABEL = re.compile(
    r"\s*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{)?\s*(?:\([A-J]\)|[A-J][.)])\s*\}?(?:\\[ ,;]|[\s:.])*(?=\S)"
)


@lru_cache(maxsize=64)  # The same answer is read for its prose, its denials and its value.
def _tree_or_none(shown: str) -> Node | None:
    try:
        return parse(shown)
    except Unreadable:
        pass
    label = _OPTION_LABEL.match(shown)
    if label is not None:
        with suppress(Unreadable):
            return parse(shown[label.end() :])
    if "\\text" in shown or not re.search(r"[\\^=+]", shown):
        return None
    if not re.search(r"[A-Za-z]{4}", re.sub(r"\\[A-Za-z]+", "", shown)):
        return None
    try:
        read = parse(shown, letters_only=True)
    except Unreadable:
        return None
    return read if len(tree.symbols(read)) > 1 else None


def _percent_after(span: Span) -> bool:
    return re.match(r"[\s$)\\]{0,6}(?:%|percent\b|pct\b)", span.after.replace("\\)", " ")) is not None


class MathGrader:
    """Grades maths tasks. A context manager: leaving it ends the child process, if one was ever needed.

    Args:
        residue: decides what no rung can; None makes one that starts a child process when it is first asked.
    """

    def __init__(self, residue: Residue | None = None) -> None:
        self._residue = residue if residue is not None else Residue()
        self._references: Recent[str, Reference | TaskInvalid] = Recent(REFERENCES_CACHED)
        self._pairs: Recent[object, Verdict] = Recent(PAIRS_CACHED)

    def grade(self, task: MathTask, completion: str, prompt: str = "") -> Verdict:
        """Judge one completion.

        Args:
            task: the reference and its options.
            completion: the whole text of the assistant's turn.
            prompt: the problem's text, where known: an answer that only echoes it does not count.

        Returns: the verdict; `explain` holds the reference and both normal forms.

        Raises:
            TaskInvalid: no reference can be read.
            GraderFault: the child process cannot be started.
        """
        answers = task.answers
        references = [self._reference(answer) for answer in answers]
        first = references[0]
        if prompt and _copies(completion, prompt):
            return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method="echo", explain=_Explain(first, "", None))
        span = extract(completion, task.extract)
        said = span.text
        if said is None and not (first.letters and span.method == "nothing"):
            return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method, explain=_Explain(first, "", None))
        if said is None or first.letters is not None:
            return self._letter(task, references, span, completion)
        tail = _tail(span)
        retracted = _retracted(span)
        if len(said) > CACHED_CHARS_MAX or max(map(len, answers)) > CACHED_CHARS_MAX:
            return self._best(task, references, span, tail, retracted, prompt)
        options = (task.answer, task.tolerance, task.ordered, task.require_form)
        key = (options, said, span.narrow, tail, retracted, len(prompt), hash(prompt))
        known = self._pairs.get(key)
        if known is None:
            known = self._best(task, references, span, tail, retracted, prompt)
            self._pairs.put(key, known)
        return known

    def close(self) -> None:
        """End the child process, if there is one. The grader stays usable; it would start another."""
        self._residue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _reference(self, given: str) -> Reference:
        known = self._references.get(given)
        if known is None:
            try:
                known = read_reference(given)
            except TaskInvalid as invalid:
                known = invalid
            if len(given) <= CACHED_CHARS_MAX:
                self._references.put(given, known)
        if isinstance(known, TaskInvalid):
            raise TaskInvalid(known.code, known.message)
        return known

    def _letter(self, task: MathTask, references: list[Reference], span: Span, completion: str) -> Verdict:
        """The reference is the label of an option: read the answer as a choice."""
        from graders import choice  # Loaded when first needed, as is `form`: most processes need neither to start.

        wanted = [reference.letters for reference in references]
        reading = choice.read(span, completion, None)
        explain = _Explain(references[0], ",".join(sorted(reading.letters)), None)
        if reading.hedged:
            return Verdict(Outcome.WRONG, Reason.HEDGED, method="letter", answer=_cut(span.text), explain=explain)
        if not reading.letters:
            if span.text is None:
                return Verdict(Outcome.WRONG, Reason.NO_ANSWER, method=span.method, explain=explain)
            if any(text.same(reference.text, span.text) for reference in references):
                return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "text", _cut(span.text), explain=explain)
            return Verdict(Outcome.WRONG, Reason.UNPARSABLE, method="letter", answer=_cut(span.text), explain=explain)
        if reading.letters in wanted:
            return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "letter", reading.text, explain=explain)
        return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="letter", answer=reading.text, explain=explain)

    def _best(
        self, task: MathTask, references: list[Reference], span: Span, tail: str, retracted: bool, prompt: str
    ) -> Verdict:
        """Against each reference in turn; the first that is met wins, otherwise the most telling verdict."""
        if len(references) == 1:
            return self._judge(task, references[0], span, tail, retracted, prompt)
        verdicts: list[Verdict] = []
        for reference in references:
            verdict = self._judge(task, reference, span, tail, retracted, prompt)
            if verdict.outcome is Outcome.CORRECT:
                return verdict
            verdicts.append(verdict)
        undecided = [verdict for verdict in verdicts if verdict.outcome is Outcome.UNDECIDED]
        return undecided[0] if undecided else verdicts[0]

    def _judge(
        self, task: MathTask, reference: Reference, span: Span, tail: str, retracted: bool, prompt: str
    ) -> Verdict:
        assert span.text is not None  # noqa: S101  (grade returned already)
        answer = repaired(span.text)
        rest = ""
        if span.narrow is not None and span.narrow != span.text and _prose(answer, reference):
            rest = answer[answer.rfind(span.narrow) + len(span.narrow) :] if span.narrow in answer else answer
            answer = repaired(span.narrow)
        if reference.tree is None and span.narrow is not None and text.same(reference.text, span.narrow):
            answer = span.narrow
        given = _cut(answer)
        words_only = reference.tree is None
        retracted = retracted or (bool(rest) and text.denies(rest))
        if not retracted and answer == reference.text and task.require_form is None and not prompt:
            explain = _Explain(reference, answer, reference.tree)
            return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "text", given, explain=explain)
        if reference.integer is not None and not retracted and _INTEGER.fullmatch(answer) and task.tolerance is None:
            # Two plain integers, which is most of what is ever asked: nothing else can be meant.
            explain = _Explain(reference, answer, None)
            if int(answer) != reference.integer:
                return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="rational", answer=given, explain=explain)
            if task.require_form is None:
                return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, "rational", given, explain=explain)
        hedged = _WORDY.search(answer) is not None and text.hedges(answer)
        if hedged and not words_only and text.denies(reference.text):
            hedged = False  # The reference itself denies something: the words are compared, not weighed.
        if hedged and reference.tree is not None and _excepts(answer):
            hedged = False  # All real numbers except 0: a set, and no denial.
        if retracted or (hedged and not _says_the_same(reference, answer)):
            explain = _Explain(reference, "", None)
            return Verdict(Outcome.WRONG, Reason.HEDGED, method="denied", answer=given, explain=explain)
        found, read = self._compare(task, reference, answer, tail, prompt)
        explain = _Explain(reference, answer, read)
        if found is None:
            return Verdict(Outcome.WRONG, Reason.UNPARSABLE, method="parse", answer=given, explain=explain)
        if found.equal and prompt and _echoes(reference, answer, read, prompt):
            return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="echo", answer=given, explain=explain)
        if found.equal and task.require_form is not None:
            from graders.math.form import has_form

            if not has_form(task.require_form, answer, read):
                return Verdict(Outcome.WRONG, Reason.DIFFERENT, method="form", answer=given, explain=explain)
        if found.equal:
            return Verdict(Outcome.CORRECT, Reason.EQUAL, 1.0, found.method, given, explain=explain)
        if found.equal is None:
            return Verdict(Outcome.UNDECIDED, Reason.UNDECIDED, method=found.method, answer=given, explain=explain)
        reason = Reason.HEDGED if found.hedged else Reason.DIFFERENT
        return Verdict(Outcome.WRONG, reason, method=found.method, answer=given, explain=explain)

    def _compare(
        self, task: MathTask, reference: Reference, answer: str, tail: str, prompt: str
    ) -> tuple[Found | None, Node | None]:
        """The finding and the tree it was about; a finding of None means that the answer cannot be read."""
        gold = reference.tree
        if gold is None:
            if text.alike(answer, reference.text) or _in_order(reference.text, answer):
                return Found(True, "text"), None
            return Found(text.same(reference.text, answer) or text.says(reference.text, answer, prompt), "text"), None
        asker = Asker(task.tolerance, task.ordered, prompt, self._residue.equal, 0, _letters_of(prompt))
        if "in" in reference.text:
            asker.parameters = frozenset(_INTEGERS.findall(reference.text))
        shown = answer + tail
        read = _tree_or_none(shown)
        if read is None and shown is not answer:
            read = _tree_or_none(answer)
        if reference.quantity is not None:
            measured = quantity(shown, read, tight=spelled(gold))
            if measured is not None and not (measured is read and reference.quantity is gold):
                return asker.decide(reference.quantity, measured), measured
        if read is None and gold.op in NUMBER_OPS:
            alone = _grouped(answer) or _only_number(answer)
            read = None if alone is None else _tree_or_none(alone)
        if read is None:
            if text.alike(answer, reference.text) or (
                text.sensible(reference.text) and text.same(reference.text, answer)
            ):
                return Found(True, "text"), None
            return (Found(False, "text"), None) if gold.op == "special" else (None, None)
        if derive.written(reference.text) or derive.written(answer):
            found = asker.decide(derive.carried_out(gold), derive.carried_out(read))
        else:
            found = asker.decide(gold, read)
        if found.equal:
            return found, read
        if text.alike(answer, reference.text):
            return Found(True, "text"), read
        for other_gold, other in _other_readings(reference, gold, shown, read):
            second = asker.decide(other_gold, other)
            if second.equal:
                return second, other
        return found, read


def _prose(line: str, reference: Reference) -> bool:
    """Whether a completion of one line is a sentence about the answer rather than the answer."""
    if reference.tree is None:
        return False
    return _STATES.search(line) is not None or text.denies(line) or _tree_or_none(line) is None


# What every denial and hedge has: a word outside of commands, a text command, a question mark, another script.
_WORDY = re.compile(
    r"(?<![\\A-Za-z])[A-Za-z]{2}|\\(?:text|mathrm|mbox|not|neg|lnot|x?cancel|bcancel|sout|st)|[?’\u0100-\uffff]"
)
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_STATES = re.compile(r"(?<![\\A-Za-z])(?:is|are|equals|gives|was|est|ist|es|son|sont)(?![A-Za-z])")


def grade(task: MathTask, completion: str, prompt: str = "", *, residue: Residue) -> Verdict:
    """Judge one completion without caches; see MathGrader.grade.

    Args:
        residue: decides what no rung can; its child stays the caller's to close.
    """
    return MathGrader(residue).grade(task, completion, prompt)


_COPY_CHARS_MIN = 40
_FRACTION = re.compile(r"(?:\\frac)?\{?(\d{1,9})(?:\}\{|/)(\d{1,9})\}?")


def _copies(completion: str, prompt: str) -> bool:
    """Whether the completion is nothing but a passage of the problem."""
    said = completion.strip()
    return len(said) >= _COPY_CHARS_MIN and said in prompt


def _echoes(reference: Reference, answer: str, read: Node | None, prompt: str) -> bool:
    """Whether the answer is an expression of the problem that was to be worked out: 1/2 + 1/4 for 3/4.

    A number, a point or a name of the problem may well be its answer, and so may what is written as the reference is.
    """
    if read is None or reference.tree is None:
        return False
    tight = text.tight(answer)
    if tight == text.tight(reference.text) or len(tight) < 2 or tight not in text.tight(prompt[:20_000]):
        return False
    fraction = _FRACTION.fullmatch(tight)
    if fraction is not None:
        return gcd(int(fraction.group(1)), int(fraction.group(2))) != 1 or reference.tree.op == "dec"
    if read.op in ("list", "set", "tuple", "special", "text", "matrix"):
        return False
    if rungs.canonical(read) == rungs.canonical(reference.tree):
        return False
    if read.op == "dec":
        # "Write 0.75 as a fraction."
        return reference.tree.op == "num" and reference.tree.value.q != 1
    return any(name in _UNWORKED or name.startswith("fn:") for name in tree.operations(read))


_UNWORKED = names("add mul div pow root fn fact binom sum prod int lim rel")


def _excepts(answer: str) -> bool:
    read = _tree_or_none(answer) if "except" in answer or "exclud" in answer or "other than" in answer else None
    return read is not None and read.op == "minus"


def _says_the_same(reference: Reference, answer: str) -> bool:
    """Whether words that look like a denial are the reference: "does not exist" for "DNE"."""
    if reference.tree is None:
        return text.same(reference.text, answer)
    return reference.tree.op == "special" and _tree_or_none(answer) == reference.tree


_PROSE_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?:\\?\$|[€£])?-?\d[\d,]*(?:\.\d+)?(?:\\?%)?(?![A-Za-z0-9])")
_COMPARING = re.compile(
    r"\b(?:more|less|least|most|fewer|greater|over|under|above|below|than|up to|until|before|after|or|and)\b", re.I
)


def _only_number(answer: str) -> str | None:
    """The one number of a sentence in the answer's place: "She makes $18 every day"."""
    if len(re.findall(r"[^\W\d_]+", answer)) < 2 or re.search(r"[=<>^_]|\\(?!\$|%|text|,)", answer):
        return None
    if _COMPARING.search(answer):
        return None
    numbers = _PROSE_NUMBER.findall(answer)
    return numbers[0] if len(numbers) == 1 else None


# Any integer: "k \\in \\mathbb{Z}", "where n is an integer".
_INTEGERS = re.compile(
    r"(?<![A-Za-z\\])([A-Za-z])\s*(?:\\in\b\s*(?:\\(?:mathbb|mathbf|Bbb)\s*)?\{?\s*[ZN]\b|(?:\$|\\text\{|\})*\s*is an? "
    r"(?:arbitrary |positive |non-?negative )?integer)"
)
# 1'234'567.8, 1.234.567,8, 12,34,567: the ways of grouping digits that can mean nothing else.
_GROUPED = re.compile(
    r"([-−+]?)\$?(?:([1-9]\d{0,2}(?:['’]\d{3})+)(?:\.(\d+))?|([1-9]\d{0,2}(?:\.\d{3}){2,})(?:,(\d+))?"
    r"|([1-9]\d{0,2}\.\d{3}),(\d{1,2}|\d{4,})|([1-9]\d?(?:,\d{2})+,\d{3})(?:\.(\d+))?)\$?"
)


def _grouped(answer: str) -> str | None:
    """The number whose digits are grouped as in Switzerland, Germany or India, written plainly."""
    match = _GROUPED.fullmatch(answer.strip())
    if match is None:
        return None
    sign, *parts = match.groups()
    whole, fraction = next((whole, rest) for whole, rest in zip(parts[::2], parts[1::2], strict=True) if whole)
    digits = re.sub(r"\D", "", whole)
    return f"{'-' if sign in ('-', '−') else ''}{digits}" + (f".{fraction}" if fraction else "")


_DECIMAL_COMMA = re.compile(r"\s*\$?\s*([-−+]?\d+),(\d+)\s*\$?\s*")


def _other_readings(reference: Reference, gold: Node, answer: str, read: Node) -> list[tuple[Node, Node]]:
    """What else the notation may mean: 1000,99 as a decimal, 1,234 as two numbers, 5m as five metres."""
    others: list[tuple[Node, Node]] = []
    several = ("list", "set", "tuple")
    if gold.op in NUMBER_OPS and read.op == "list":
        grouped = _grouped(answer)
        if grouped is not None:
            others.append((gold, parse(grouped)))
        comma = _DECIMAL_COMMA.fullmatch(answer)
        if comma is not None and len(comma.group(2)) != 3:
            others.append((gold, parse(f"{comma.group(1)}.{comma.group(2)}")))
    if gold.op in several and read.op in NUMBER_OPS and re.search(r"\d,\d", answer):
        others += _readable(gold, answer, split=True)
    if read.op in several and gold.op in NUMBER_OPS and re.search(r"\d,[1-9]", reference.text):
        with suppress(Unreadable):
            others.append((parse(reference.text, split_numbers=True), read))
    stripped = _without_unit_letter(gold, read)
    if stripped is not None:
        others.append((gold, stripped))
    return others


def _readable(gold: Node, answer: str, split: bool) -> list[tuple[Node, Node]]:
    try:
        return [(gold, parse(answer, split_numbers=split))]
    except Unreadable:
        return []


def _without_unit_letter(gold: Node, read: Node) -> Node | None:
    """5m for 5: a letter after the number that names a unit, where the reference has no variables."""
    if tree.symbols(gold) or gold.op not in NUMBER_OPS:
        return None
    coefficient = _coefficient(read)
    return None if coefficient is None or coefficient == read else coefficient


def _coefficient(node: Node) -> Node | None:
    """What is left of a product or quotient without its unit letters; None where other variables are in it."""
    if not tree.symbols(node):
        return node
    if node.op == "sym":
        return tree.ONE if node.value in units.LETTERS else None
    if node.op == "pow" and node.args[0].op == "sym" and node.args[1].op == "num":
        return _coefficient(node.args[0])
    if node.op not in ("mul", "div"):
        return None
    parts = [_coefficient(arg) for arg in node.args]
    kept = [part for part in parts if part is not None]
    if len(kept) != len(parts) or (node.op == "mul" and kept[0] == tree.ONE and node.args[0].op == "sym"):
        return None
    if node.op == "div":
        return kept[0] if kept[1] == tree.ONE else Node("div", tuple(kept))
    numbers = [part for part in kept if part != tree.ONE]
    return numbers[0] if len(numbers) == 1 else Node("mul", tuple(numbers)) if numbers else None


_AFTER_UNIT = re.compile(r"\s*\$?\s*(\\?%|percent\b|pct\b)")


def _tail(span: Span) -> str:
    """A percent sign right after the box belongs to the answer."""
    if span.parts or not ("%" in span.after or "p" in span.after):
        return ""
    match = _AFTER_UNIT.match(span.after)
    return "\\%" if match is not None else ""


_RETRACTION = re.compile(
    r"[\s$).,;:!\\\]*]*(?:(?:but|however|no|wait|actually|sorry|oops)\W+(?:\w+\W+){0,4}?)?"
    r"(?:(?:that|this|it|which|the above|the answer above|the boxed answer)(?:\W+(?:\w+\W+){0,2}?|(?=['’]s)))?"
    r"(?:is|was|isn['’]t|['’]s)\s+(?:\w+\s+){0,2}?(?:not|wrong|incorrect|false|mistaken|a mistake|an error)\b",
    re.IGNORECASE,
)


def _retracted(span: Span) -> bool:
    """Whether the text goes on to take the answer back: "\\boxed{42} is wrong"."""
    if span.method == "phrase" and span.before and text.DENIALS.search(_CLAUSE_ENDS.split(span.before)[-1]):
        return True  # "I will not say that the answer is 42."
    after = span.after
    # Every retraction has an "is", a "was" or an "'s"; after most boxes there is only a full stop.
    return bool(after) and ("s" in after or "S" in after or "ſ" in after) and _RETRACTION.match(after) is not None


_CLAUSE_ENDS = re.compile(r"[.,;:!?\n]|\b(?:so|therefore|thus|hence|but|because|then|and)\b", re.IGNORECASE)


_PROMPT_LETTER = re.compile(r"(?<![A-Za-z\\])([A-Za-z])(?![A-Za-z])")


@lru_cache(maxsize=256)
def _letters_of(prompt: str) -> frozenset[str]:
    """The single letters a problem uses: its variables, and a few words such as "a"."""
    return frozenset(_PROMPT_LETTER.findall(prompt[:20_000])) if prompt else frozenset()


def _cut(given: str | None) -> str | None:
    return None if given is None else given[:EXPLAIN_CHARS_MAX]


class _Explain(Mapping[str, JsonValue]):
    """What `explain` holds, rendered when it is read: most requests never do."""

    __slots__ = ("_answer", "_read", "_reference")
    _KEYS = ("expected", "answer_normal", "expected_normal")

    def __init__(self, reference: Reference, answer: str, read: Node | None) -> None:
        self._reference = reference
        self._answer = answer
        self._read = read

    def __getitem__(self, key: str) -> JsonValue:
        if key == "expected":
            return self._reference.text[:EXPLAIN_CHARS_MAX]
        if key == "answer_normal":
            shown = tree.text(self._read) if self._read is not None else self._answer
            return shown[:EXPLAIN_CHARS_MAX]
        if key == "expected_normal":
            gold = self._reference.tree
            return (tree.text(gold) if gold is not None else self._reference.text)[:EXPLAIN_CHARS_MAX]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._KEYS)

    def __len__(self) -> int:
        return len(self._KEYS)

    def __repr__(self) -> str:
        return repr(dict(self))
