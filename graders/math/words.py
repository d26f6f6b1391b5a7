"""Words that occur in short answers, by what they do to the mathematics around them. A new word is a new entry."""

from graders.math.names import names

# A whole answer, case-folded and without articles, that names a value or a set of its own.
PHRASES = {
    "all real numbers": "reals", "all reals": "reals", "any real number": "reals", "real numbers": "reals",
    "every real number": "reals", "all real": "reals", "reals": "reals", "set of all real numbers": "reals",
    "set of real numbers": "reals", "all numbers": "reals", "all real values": "reals", "all values": "reals",
    "no solution": "empty", "no solutions": "empty", "no real solution": "empty", "no real solutions": "empty",
    "empty set": "empty", "there is no solution": "empty", "there are no solutions": "empty", "none": "empty",
    "no real roots": "empty", "no roots": "empty", "no such": "empty", "there are none": "empty", "空集": "empty",
    "null set": "empty", "无解": "empty", "no such numbers": "empty", "no such number": "empty",
    "no such integers": "empty", "no integer solutions": "empty", "no such function": "empty",
    "all integers": "integers", "integers": "integers", "any integer": "integers", "set of integers": "integers",
    "all positive integers": "positive integers", "positive integers": "positive integers",
    "natural numbers": "positive integers", "all natural numbers": "positive integers",
    "all positive real numbers": "positive reals", "positive real numbers": "positive reals",
    "all positive reals": "positive reals",
    "undefined": "undefined", "does not exist": "undefined", "dne": "undefined", "not defined": "undefined",
    "doesn't exist": "undefined", "limit does not exist": "undefined", "indeterminate": "undefined",
    "infinitely many": "infinitely many", "infinitely many solutions": "infinitely many",
    "infinite number of solutions": "infinitely many", "infinite": "infinitely many",
    "infinite solutions": "infinitely many", "infinitely": "infinitely many", "无穷多": "infinitely many",
    "an infinite number": "infinitely many", "infinite number": "infinitely many",
    "yes": "yes", "true": "yes", "correct": "yes", "no": "no", "false": "no", "是": "yes", "否": "no",
    "it is true": "yes", "it is false": "no", "yes it is": "yes", "正确": "yes", "错误": "no", "错": "no", "对": "yes",
    "impossible": "impossible", "not possible": "impossible", "it is impossible": "impossible",
}  # fmt: skip

NUMERALS = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {"thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}

SCALES = {
    "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
}  # fmt: skip


def counted(parts: list[str]) -> int | None:
    """The number that words spell out: "twenty one", "one hundred and five", "two dozen"; None where they do not."""
    total = group = 0
    ready = False  # Whether something stands before a scale or an "and".
    last = 10**15
    for word in parts:
        if word == "and":
            if not ready:
                return None
            continue
        scale = SCALES.get(word)
        if scale is not None:
            if scale == 100:
                if not 0 < group < 100:
                    return None
                group *= 100
            else:
                if scale >= last:
                    return None
                total += (group or 1) * scale
                group, last = 0, scale
        else:
            value = NUMERALS.get(word)
            if value is None or (group % 100 and not (group % 10 == 0 and group % 100 >= 20 and 0 < value < 10)):
                return None
            group += value
        ready = True
    return total + group if ready and parts[-1] != "and" else None


FRACTIONS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4, "fifth": 5,
    "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8, "ninth": 9,
    "ninths": 9, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100,
}  # fmt: skip


def fraction(parts: list[str]) -> tuple[int, int] | None:
    """The fraction that words spell out, as numerator and denominator: "half", "two thirds", "one and a half"."""
    bottom = FRACTIONS.get(parts[-1]) if parts else None
    if bottom is None:
        return None
    before = parts[:-1]
    if not before:
        return (1, bottom) if parts[0] in ("half", "quarter") else None  # A third by itself is the third of a row.
    if "and" in before[1:]:
        at = len(before) - 1 - before[::-1].index("and")
        whole, top = counted(before[:at]), counted(before[at + 1 :]) if before[at + 1 :] else 1
        return None if whole is None or top is None or top >= bottom else (whole * bottom + top, bottom)
    top = counted(before)
    return None if top is None else (top, bottom)


# "No solution" in other languages, case-folded, as it is written.
ABROAD = {
    **dict.fromkeys(
        (
            "keine lösung", "keine lösungen", "keine reelle lösung", "keine reellen lösungen", "es gibt keine lösung",
            "sin solución", "sin soluciones", "no hay solución", "no tiene solución", "no existe solución",
            "pas de solution", "aucune solution", "il n'y a pas de solution", "sem solução", "não há solução",
            "nessuna soluzione", "нет решений", "нет решения", "решений нет", "çözüm yok", "brak rozwiązań",
            "geen oplossing", "해가 없다", "해 없음", "解なし", "解はない", "没有解", "无实数解", "没有实数解",
            "无实根",
        ),
        "empty",
    ),
    **dict.fromkeys(("所有实数", "全体实数", "任意实数", "alle reellen zahlen", "todos los números reales"), "reals"),
    **dict.fromkeys(("tous les réels", "tous les nombres réels", "实数集"), "reals"),
    **dict.fromkeys(("oui", "ja", "sí", "sim", "да", "はい", "예"), "yes"),
    **dict.fromkeys(("non", "nein", "não", "нет", "いいえ", "아니오"), "no"),
    **dict.fromkeys(("unendlich viele", "une infinité", "infinitas", "无数个", "无数解"), "infinitely many"),
}  # fmt: skip

PHRASES.update((said, name) for said, name in ABROAD.items() if said.isascii())

MINUS = frozenset(("minus", "negative"))
REALS = frozenset(("real", "reals", "numbers", "values"))

# Dropped in front of a value.
FILLERS = names(
    "only about approximately approx exactly roughly around just the a an value answer we get have there"
    " therefore thus"
    " so hence total of nearly almost at precisely final simply namely that this it solution solutions set result"
    " clearly finally or all interval ordered pair pairs triple triples point points vector is are be equals"
    " equal both"
    " either together hours minutes year step then obtain find its values range domain coordinates roots root number"
    " sum area volume length width height perimeter probability ratio angle degree equation function matrix maximum"
    " minimum least greatest smallest largest cost price profit price per cent amount average mean median mode and"
)
VERBS = names("is are equals equal be was were becomes")
# A clause that only restricts or explains what came before: from here to its end nothing counts.
CONDITIONS = names(
    "for where when if with such provided given as because since whenever unless while which that so assuming"
    " respectively regardless from using by after before on under over during inclusive exclusive because 其中"
)
ARTICLES = frozenset(("a", "an", "the"))
UNIT_PREFIXES = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "平方": 2, "立方": 3}
PERCENT = names("percent pct percentage percents 百分之")
DEGREES = names("degree degrees deg")
CONNECTIVES = {"and": "and", "or": "or", "und": "and", "et": "and", "ou": "or", "y": "and", "oder": "or"}
