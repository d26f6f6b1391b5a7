"""The small batches that are sent, each item with the outcomes that are right for it.

The large ones, made from the shared data, are those of examples/acceptance.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """An item, and what is known about it: the outcomes that are right."""

    item: dict[str, Any]
    right: frozenset[str]


def fenced(source: str, language: str = "python") -> str:
    """A program as a model would write it."""
    return f"Here is the program.\n\n```{language}\n{source.rstrip()}\n```\n"


def stdio(name: str, source: str, cases: Iterable[tuple[str, str]], right: str, language: str = "python") -> Case:
    """A program judged by its output."""
    tests = {"kind": "stdio", "cases": [{"input": given, "output": wanted} for given, wanted in cases]}
    task = {"kind": "code", "language": language, "tests": tests}
    return Case({"id": name, "completion": fenced(source, language), "task": task}, frozenset({right}))


def maths(name: str, completion: str, answer: str, right: str) -> Case:
    """A completion judged by its answer."""
    task = {"kind": "math", "answer": answer}
    return Case({"id": name, "completion": completion, "task": task}, frozenset({right}))


DOUBLE = (("3\n", "6\n"), ("-20\n", "-40\n"))

PROGRAMS = {
    "python": "print(2 * int(input()))",
    "c": '#include <stdio.h>\nint main(void) { long n; if (scanf("%ld", &n) != 1) return 1; printf("%ld\\n", 2 * n); }',
    "cpp": "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << 2 * n << std::endl; }",
    "java": "import java.util.*;\npublic class Main { public static void main(String[] a) {"
    " System.out.println(2 * new Scanner(System.in).nextLong()); } }",
    "javascript": "const n = parseInt(require('fs').readFileSync(0, 'utf8'));\nconsole.log(2 * n);",
    "go": 'package main\nimport "fmt"\nfunc main() { var n int; fmt.Scan(&n); fmt.Println(2 * n) }',
    "rust": "use std::io;\nfn main() { let mut s = String::new(); io::stdin().read_line(&mut s).unwrap();"
    ' let n: i64 = s.trim().parse().unwrap(); println!("{}", 2 * n); }',
    "bash": "read -r n\necho $((2 * n))",
}
"""The same small program in each language of the default image."""

CHEATS = {
    "exits before it answers": "import os\nos._exit(0)",
    "prints what a harness might print": "print('OK\\nPASSED\\nAC')",
    "looks for the expected output": "import glob\nfor name in glob.glob('/**/*', recursive=True)[:20000]:\n"
    "    if name.endswith(('.out', '.ans', 'expected')):\n        print(open(name).read())",
    "asks the engine": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/var/run/docker.sock')\nprint(6)",
    "asks the store": "import socket\nsocket.create_connection(('redis', 6379), 2)\nprint(6)",
    "forks without end": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    "eats memory": "held = []\nwhile True:\n    held.append(bytearray(10**7))",
    "floods the output": "while True:\n    print('6' * 10**6)",
    "never ends": "while True:\n    pass",
}
"""Programs that must not be paid, whatever they reach for; each is written against DOUBLE."""


def cheating() -> list[Case]:
    """The cheats above, with an honest program after each: the one must not harm the other."""
    cases = []
    for name, source in CHEATS.items():
        cheat = stdio(name, source, DOUBLE, "wrong")
        cheat.item["task"]["limits"] = {"time_s": 2}
        cases += [cheat, stdio(f"honest after: {name}", PROGRAMS["python"], DOUBLE, "correct")]
    return cases


def every_language() -> list[Case]:
    """A right and a wrong program in each language."""
    cases = []
    for language, source in PROGRAMS.items():
        cases.append(stdio(f"{language} right", source, DOUBLE, "correct", language))
        cases.append(stdio(f"{language} wrong", source, [("3\n", "7\n")], "wrong", language))
    return cases


def small_maths() -> list[Case]:
    """What a trainer sends, in a handful."""
    return [
        maths("fraction", r"<think>1/2 + 1/4</think> \boxed{3/4}", r"\frac{3}{4}", "correct"),
        maths("decimal", r"That is \boxed{0.75}.", r"\frac{3}{4}", "correct"),
        maths("wrong", r"That is \boxed{0.76}.", r"\frac{3}{4}", "wrong"),
        maths("root", r"\boxed{2\sqrt{3}}", r"\sqrt{12}", "correct"),
        maths("none", "I do not know.", "42", "wrong"),
        Case(
            {"id": "choice", "completion": r"\boxed{B}", "task": {"kind": "choice", "answer": "B"}},
            frozenset({"correct"}),
        ),
    ]
