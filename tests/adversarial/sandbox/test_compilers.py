# ruff: noqa: E501 - an attack reads best on the line it was found on.
"""Attacks at compile time (family H): bounded in time, memory and message, and telling nothing about the jail."""

import time

import pytest

from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.protocol import STARVED_FACTOR
from sandbox.run import Program, Run

LIMITS = Limits(
    cpu_s=4.0, wall_s=8.0, memory_bytes=768 * MIB, output_bytes=64 * 1024, processes=64, file_bytes=64 * MIB
)

ROWS = {
    "include of an endless file": '#include "/dev/zero"\nint main() {}',
    "include of random bytes": '#include "/dev/random"\nint main() {}',
    "include of oneself": '#include "main.cpp"\nint main() {}',
    "a gigabyte of initialiser": "char a[1 << 30] = {1};\nint main() {}",
    "macro growth": "#define A x x x x x x x x x x\n#define B A A A A A A A A A A\n#define C B B B B B B B B B B\n"
    "#define D C C C C C C C C C C\n#define E D D D D D D D D D D\n#define F E E E E E E E E E E\n#define G F F F F F F F F F F\n"
    "int main() { G G G G }",
    "a constant that takes for ever": "constexpr int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += i % 7; return s; }\n"
    "constexpr int g(int n) { return n ? f(200000) + g(n - 1) : 0; }\nstatic_assert(g(500) > 0);\nint main() {}",
    "templates that grow": "template<class T> class L { L<T*> operator->(); }; L<int> i = i->",
    "a flood of errors": "int main() {" + "".join(f"undeclared_{n};" for n in range(20000)) + "}",
    "nested brackets": "int main() { return " + "(" * 100_000 + "1" + ")" * 100_000 + "; }",
}


@pytest.mark.parametrize("name", ROWS)
def test_a_compiler_bomb_ends_within_its_limits(runner: PooledRunner, name: str) -> None:
    """It may compile or not; it ends in time, with a bounded message."""
    started = time.monotonic()
    with runner.open(Program("cpp", {"main.cpp": ROWS[name].encode()}), LIMITS) as candidate:
        assert candidate.compiled is not None
        assert len(candidate.compiled.stdout) + len(candidate.compiled.stderr) <= 2 * LIMITS.output_bytes
    assert time.monotonic() - started < STARVED_FACTOR * LIMITS.wall_limit_s + 4


@pytest.mark.parametrize(
    "source",
    [
        '#include "/etc/passwd"\nint main() {}',
        '#include "/proc/1/environ"\nint main() {}',
        '#include "/proc/self/mountinfo"\nint main() {}',
        '__asm__(".incbin \\"/etc/passwd\\"");\nint main() {}',
    ],
)
def test_what_a_compiler_can_be_made_to_read_holds_no_secret(runner: PooledRunner, source: str) -> None:
    """The files of the jail are public: no account of the host, no path of the host's projects."""
    with runner.open(Program("cpp", {"main.cpp": source.encode()}), LIMITS) as candidate:
        assert candidate.compiled is not None
        said = candidate.compiled.stdout + candidate.compiled.stderr
    for word in (b"/home/", b"touchstone-api", b"TOUCHSTONE_", b"Debian-exim", b"systemd-"):
        assert word not in said


def test_products_that_are_links_are_left_behind(runner: PooledRunner) -> None:
    """Only regular files come out of a compilation, so that a link cannot lead the next step astray."""
    if "haskell" not in runner.languages:  # The one language here that runs code while it compiles.
        assert runner.isolation.startswith("bubblewrap")
        return
    source = b"""{-# LANGUAGE TemplateHaskell #-}
import Language.Haskell.TH
import System.Process
main = do
  putStrLn $(runIO (system "ln -s /etc/passwd link; mkfifo fifo; echo kept > kept; cp kept touchstone.out") >> stringE "x")
  readFile "kept" >>= putStr
"""
    with runner.open(Program("haskell", {"main.hs": source}), None) as candidate:
        assert candidate.compiled is not None
        if not candidate.compiled.exited_zero:
            return
        (outcome,) = candidate.run([Run()], Limits())
    assert b"root:" not in outcome.stdout
