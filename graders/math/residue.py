"""The program that runs in the child process: decides with sympy what no rung can tell (limits, series, integrals).

Theory of operation. The grader starts this once (`serve`); it imports sympy, says "ready", and then answers one line of
JSON with one line of JSON. For each question it forks: the fork limits its own memory and processor time, computes,
writes its finding into a pipe and exits; the server waits for that pipe no longer than the wall limit and then kills
the fork. So a question can neither hang the server nor fill its memory, and the import of sympy is paid for once. When
the grader goes away, its end of standard input closes and the server ends.

sympy objects are made by constructors from the tree, never from text: neither sympify nor a parser is called here.

Not covered: trust in what sympy says beyond a number; a symbolic "equal" is only taken when sympy proves the difference
zero, a "different" only when it can be seen at a number.
"""

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from flint import fmpq

from graders.math.tree import Node

JSON_DEPTH_MAX = 200


class Unsupported(Exception):
    """The tree holds something that has no counterpart in sympy."""


# --- trees as JSON ----------------------------------------------------------------------------------------------------


def encoded(node: Node) -> list[Any]:
    """The tree as JSON values: operation, datum, arguments."""
    datum: Any = node.value
    if node.op == "num":
        datum = str(node.value)
    elif node.op in ("dec", "rep"):
        datum = str(node.value[0])
    elif not isinstance(datum, str | None):
        datum = None
    return [node.op, datum, [encoded(arg) for arg in node.args]]


def decoded(values: list[Any]) -> Node:
    """The tree again; decimals come back as exact numbers."""
    op, datum, args = values
    if op in ("num", "dec", "rep"):
        top, _, bottom = datum.partition("/")
        return Node("num", (), fmpq(int(top), int(bottom or "1")))
    return Node(op, tuple(decoded(arg) for arg in args), datum)


# --- trees as sympy expressions ---------------------------------------------------------------------------------------


def expression(node: Node) -> Any:
    """The sympy expression a tree stands for, built by constructors.

    Raises:
        Unsupported: some operation has no counterpart.
    """
    import sympy

    op = node.op
    if op == "num":
        return sympy.Rational(int(node.value.p), int(node.value.q))
    if op == "sym":
        return sympy.Symbol(node.value, real=True)
    if op == "const":
        return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "inf": sympy.oo}[node.value]
    if op in _BINDING:
        return _bound(node)
    if op == "fn":
        build = _FUNCTIONS.get(node.value)
        if build is None:
            raise Unsupported(node.value)
        return build(sympy, [expression(arg) for arg in node.args])
    args = [expression(arg) for arg in node.args]
    if op == "app":
        return sympy.Function(node.value)(*args)
    build = _OPERATIONS.get(op)
    if build is None:
        raise Unsupported(op)
    return build(sympy, args)


_BINDING = frozenset(("sum", "prod", "int", "lim"))


def _bound(node: Node) -> Any:
    import sympy

    if node.op == "lim":
        variable, target, body = node.args
        name = sympy.Symbol(variable.value, real=True)
        return sympy.Limit(expression(body), name, expression(target), node.value if node.value in ("+", "-") else "+-")
    variable, low, high, body = node.args
    bounds = (sympy.Symbol(variable.value, real=True), expression(low), expression(high))
    if node.op in ("sum", "prod"):
        integer = sympy.Symbol(variable.value, integer=True)
        inner = expression(body).subs(bounds[0], integer)
        kind = sympy.Sum if node.op == "sum" else sympy.Product
        return kind(inner, (integer, bounds[1], bounds[2]))
    return sympy.Integral(expression(body), bounds)


def _by_name(function: str) -> Callable[[Any, list[Any]], Any]:
    return lambda s, a: getattr(s, function)(*a)


_OPERATIONS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "add": lambda s, a: s.Add(*a),
    "mul": lambda s, a: s.Mul(*a),
    "div": lambda s, a: s.Mul(a[0], s.Pow(a[1], -1)),
    "pow": lambda s, a: s.Pow(a[0], a[1]),
    "root": lambda s, a: s.Pow(a[0], s.Pow(a[1], -1)),
    "fact": lambda s, a: s.factorial(a[0]),
    "binom": lambda s, a: s.binomial(a[0], a[1]),
    "deg": lambda s, a: a[0] * s.pi / 180,
    "pct": lambda s, a: a[0] / 100,
}


def _of_integers(function: str) -> Callable[[Any, list[Any]], Any]:
    def call(sympy: Any, args: list[Any]) -> Any:
        if not all(arg.is_integer and arg.is_number for arg in args):
            raise Unsupported("sympy takes names for polynomials, of which 1 divides all")
        return getattr(sympy, function)(*args)

    return call


_FUNCTIONS: dict[str, Callable[[Any, list[Any]], Any]] = {
    **{
        name: _by_name(function)
        for name, function in {
            "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "arcsin": "asin",
            "arccos": "acos", "arctan": "atan", "arccot": "acot", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
            "coth": "coth", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "ln": "log", "log": "log",
            "abs": "Abs", "floor": "floor", "ceil": "ceiling", "sgn": "sign", "max": "Max", "min": "Min",
            "mod": "Mod", "Re": "re", "Im": "im", "arg": "arg", "erf": "erf", "gammafn": "gamma",
        }.items()
    },
    **{name: _of_integers(name) for name in ("gcd", "lcm")},
}  # fmt: skip


def decide(gold: Node, answer: Node) -> bool | None:
    """Whether the difference of two trees is zero, as far as sympy can tell.

    Returns: True where sympy proves it, or where both are numbers that agree to 40 digits; False where a number shows
        the difference; None otherwise.
    """
    import sympy

    left, right = expression(gold).doit(), expression(answer).doit()
    if left == right:
        return True
    difference = sympy.Add(left, sympy.Mul(-1, right))
    if difference.has(sympy.nan, sympy.zoo, sympy.oo):
        return False if left in (sympy.oo, -sympy.oo) and right in (sympy.oo, -sympy.oo) else None
    if not difference.free_symbols:
        value = difference.evalf(40, chop=False)
        size = max(abs(complex(left.evalf(20))), abs(complex(right.evalf(20))), 1e-300)
        if not value.is_number:
            return None
        return abs(complex(value)) < 1e-30 * size
    simplified = sympy.simplify(difference)
    if simplified == 0:
        return True
    values = [
        difference.subs({name: sympy.Rational(7 + 3 * at + shift, 5) for at, name in enumerate(_sorted(difference))})
        for shift in range(3)
    ]
    numbers = [value.evalf(30) for value in values]
    if all(number.is_number for number in numbers) and any(abs(complex(number)) > 1e-12 for number in numbers):
        return False
    return None


def _sorted(difference: Any) -> list[Any]:
    return sorted(difference.free_symbols, key=str)


# --- serving ----------------------------------------------------------------------------------------------------------


def _answer_in_fork(question: dict[str, Any], pipe: int, memory_bytes: int, cpu_s: int) -> None:
    """The fork's whole life: limit itself, compute, write, leave."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = decide(decoded(question["gold"]), decoded(question["answer"]))
        reply = {"equal": found, "why": "sympy"}
    except MemoryError:
        reply = {"equal": None, "why": "memory"}
    except Exception as error:  # noqa: BLE001  (sympy raises anything; none of it is a verdict)
        reply = {"equal": None, "why": type(error).__name__}
    os.write(pipe, json.dumps(reply).encode())


def _ask_fork(question: dict[str, Any], memory_bytes: int, cpu_s: int, wall_s: float) -> dict[str, Any]:
    """Fork for one question; whatever happens to the fork, a reply comes back within the wall limit."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _answer_in_fork(question, writing, memory_bytes, cpu_s)
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + wall_s
    parts: list[bytes] = []
    why = "died"
    try:
        while True:
            ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                why = "time"
                break
            part = os.read(reading, 4096)
            if not part:
                break
            parts.append(part)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if parts and why != "time":
        reply: dict[str, Any] = json.loads(b"".join(parts))
        return reply
    return {"equal": None, "why": why}


def serve() -> None:
    """Answer questions until standard input closes. The first line of output says that sympy is loaded."""
    import sympy  # noqa: F401  (loaded here once, for every fork)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our end is the closing of stdin.
    out = sys.stdout.buffer
    out.write(b'{"ready": true}\n')
    out.flush()
    for line in sys.stdin.buffer:
        question = json.loads(line)
        reply = _ask_fork(question, question["memory_bytes"], question["cpu_s"], question["wall_s"])
        out.write(json.dumps(reply).encode() + b"\n")
        out.flush()
