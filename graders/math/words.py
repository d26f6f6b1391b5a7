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
