"""Honest programs of every form run in the sandbox as they would outside it."""

import textwrap
from collections.abc import Callable

import pytest

from sandbox.errors import LanguageUnavailable
from sandbox.languages import read_languages
from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner
from sandbox.run import Ended, Program, Run, RunOutcome

RunPython = Callable[..., RunOutcome]

SUMS = {
    "input()": "a, b = map(int, input().split()); print(a + b)",
    "sys.stdin": "import sys; print(sum(map(int, sys.stdin.read().split())))",
    "sys.stdin.buffer": "import sys; print(sum(map(int, sys.stdin.buffer.read().split())))",
    "open(0)": "print(sum(map(int, open(0).read().split())))",
    "/dev/stdin": "print(sum(map(int, open('/dev/stdin').read().split())))",
    "os.read": "import os; print(sum(map(int, os.read(0, 100).split())))",
    "fileinput": "import fileinput; print(sum(int(x) for line in fileinput.input() for x in line.split()))",
    "for line in stdin": "import sys\nfor line in sys.stdin: print(sum(map(int, line.split())))",
    "/dev/stdout": "open('/dev/stdout', 'w').write(str(sum(map(int, input().split()))))",
    "__main__ guard": "def main(): print(sum(map(int, input().split())))\nif __name__ == '__main__': main()",
    "sys.exit(0)": "import sys; print(sum(map(int, input().split()))); sys.exit(0)",
    "os._exit(0)": "import os; print(sum(map(int, input().split())), flush=True); os._exit(0)",
    "exit()": "print(sum(map(int, input().split()))); exit()",
    "no newline": "import sys; sys.stdout.write(str(sum(map(int, input().split()))))",
    "atexit": "import atexit; a = sum(map(int, input().split())); atexit.register(lambda: print(a))",
    "buffered and never flushed": "f = open(1, 'w', closefd=False); f.write(str(sum(map(int, input().split()))))",
    "replaced stdout": (
        "import sys, io; o = io.StringIO(); sys.stdout = o; print(sum(map(int, input().split())));"
        "sys.__stdout__.write(o.getvalue())"
    ),
    "__del__ at the end": "class X:\n  def __del__(s): print(7)\nx = X(); input()",
    "thread still running": (
        "import threading, time\ndef f(): time.sleep(.1); print(sum(map(int, s.split())))\n"
        "s = input(); threading.Thread(target=f).start()"
    ),
    "64 MB thread stack": (
        "import sys, threading\nsys.setrecursionlimit(10**6); threading.stack_size(64 << 20)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "def main(): a, b = map(int, input().split()); assert f(50000) == 50000; print(a + b)\n"
        "t = threading.Thread(target=main); t.start(); t.join()"
    ),
    "deep recursion on the main thread": (
        "import sys, functools\nsys.setrecursionlimit(10**6)\n@functools.lru_cache(None)\n"
        "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n"
        "a, b = map(int, input().split()); assert f(20000) == 20000; print(a + b)"
    ),
    "tempfile": (
        "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n  f.write(input()); f.seek(0)\n"
        "  print(sum(map(int, f.read().split())))"
    ),
    "a fork beside a thread": (
        "import os, threading, time\nt = threading.Thread(target=time.sleep, args=(.2,)); t.start(); s = input()\n"
        "if os.fork() == 0:\n  assert threading.active_count() == 1\n"
        "  print(sum(map(int, s.split())), flush=True); os._exit(0)\n"
        "os.wait(); t.join()"
    ),
    "multiprocessing": (
        "import multiprocessing as mp\ndef f(x): return x\nif __name__ == '__main__':\n"
        "  a, b = map(int, input().split())\n  with mp.Pool(2) as p: print(sum(p.map(f, [a, b])))"
    ),
    "multiprocessing spawn": (
        "import multiprocessing as mp\ndef f(x): return x\nif __name__ == '__main__':\n"
        "  a, b = map(int, input().split())\n  with mp.get_context('spawn').Pool(1) as p: print(sum(p.map(f, [a, b])))"
    ),
    "subprocess": (
        "import subprocess, sys\na, b = map(int, input().split())\n"
        "print(int(subprocess.run([sys.executable, '-c', f'print({a}+{b})'], capture_output=True, text=True).stdout))"
    ),
    "asyncio": (
        "import asyncio\nasync def main():\n  r = asyncio.get_running_loop().run_in_executor\n"
        "  print(sum(map(int, (await r(None, input)).split())))\nasyncio.run(main())"
    ),
    "dataclass in __main__": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n  a: int\n  b: int\n"
        "import pickle; p = pickle.loads(pickle.dumps(P(*map(int, input().split())))); print(p.a + p.b)"
    ),
    "localhost socket": (
        "import socket\ns = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
        "a, _ = s.accept(); c.send(input().encode()); print(sum(map(int, a.recv(99).split())))"
    ),
    "UTF-8 noise": "print('é☃', file=__import__('sys').stderr); print(sum(map(int, input().split())))",
}


@pytest.mark.parametrize("form", SUMS)
def test_each_form_of_a_python_program_works(run_python: RunPython, form: str) -> None:
    """3 + 4 is 7 however it is read and printed, and the program ends with status 0."""
    outcome = run_python(SUMS[form], b"3 4\n")
    assert (outcome.stdout.strip(), outcome.exit_code) == (b"7", 0), outcome


def test_a_python_program_sees_itself_as_it_would_outside(run_python: RunPython) -> None:
    """Name, file, argv, folder, recursion limit, own source, streams' encodings."""
    source = textwrap.dedent("""
        import os, sys, inspect
        def here(): pass
        print(__name__, os.path.basename(__file__), sys.argv, len(sys.path[0]) > 1, sys.getrecursionlimit() >= 1000)
        print(inspect.getsource(here).strip(), sys.stdin.encoding, sys.stdout.encoding)
        print(os.getcwd() == os.path.dirname(__file__))
        import sister; print(sister.value, sys.modules['__main__'].here is here)
    """)
    outcome = run_python(source, **{"sister.py": b"value = 5"})
    assert outcome.stdout.decode().splitlines() == [
        "__main__ main.py ['main.py'] True True",
        "def here(): pass utf-8 utf-8",
        "True",
        "5 True",
    ], outcome


@pytest.mark.parametrize(
    ("source", "code", "stderr"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("raise SystemExit('words')", 1, "words\n"),
        ("import os; os._exit(255)", 255, ""),
        ("exit(256 + 7)", 7, ""),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("1 / 0", 1, 'Traceback (most recent call last):\n  File "/box/main.py", line 1, in <module>\n'),
        ("def f(:", 1, "SyntaxError"),
        ("print(3)\0", 1, "null bytes"),
        ("# -*- coding: nonsense -*-\nprint(3)", 1, "SyntaxError"),
        ("assert False, 'no'", 1, "AssertionError: no"),
        ("import atexit, sys; atexit.register(lambda: sys.stderr.write('late')); 1 / 0", 1, "late"),
    ],
)
def test_exit_status_and_traceback_are_the_interpreters(
    run_python: RunPython, source: str, code: int, stderr: str
) -> None:
    """Status and standard error are those of `python3 main.py`."""
    outcome = run_python(source)
    assert (outcome.ended, outcome.exit_code) == (Ended.EXITED, code), outcome
    assert stderr in outcome.stderr.decode()
    assert "zygote" not in outcome.stderr.decode()


@pytest.mark.parametrize(("signal", "source"), [(6, "os.abort()"), (15, "os.kill(os.getpid(), 15)")])
def test_a_signal_that_kills_is_reported(run_python: RunPython, signal: int, source: str) -> None:
    """A program that dies of a signal is SIGNALLED, with its number."""
    outcome = run_python(f"import os; {source}")
    assert (outcome.ended, outcome.signal) == (Ended.SIGNALLED, signal)


def test_arguments_and_files_of_one_run_reach_only_that_run(runner: PooledRunner) -> None:
    """Each run sees its own arguments, its own files, and the program's."""
    source = b"import sys, os; print(sys.argv[1:], sorted(os.listdir('.')), open('data/in.txt').read())"
    with runner.open(Program("python", {"main.py": source, "data/in.txt": b"program's"}, "main.py")) as candidate:
        first, second = candidate.run(
            [Run(args=("a", "b c"), files={"data/in.txt": b"run's", "more": b""}), Run()], Limits()
        )
    assert first.stdout == b"['a', 'b c'] ['data', 'main.py', 'more'] run's\n", first
    assert second.stdout == b"[] ['data', 'main.py'] program's\n", second


def test_numpy_is_warm_where_the_jail_has_it(run_python: RunPython) -> None:
    """Where the jail's interpreter has numpy it works and draws fresh random numbers; else its absence is plain."""
    source = "import numpy as np\nprint(np.arange(5).sum(), np.random.rand())"
    outcomes = [run_python(source) for _ in range(2)]
    if b"ModuleNotFoundError: No module named 'numpy'" in outcomes[0].stderr:
        assert outcomes[0].exit_code == 1
        return
    assert all(outcome.stdout.startswith(b"10 ") for outcome in outcomes), outcomes
    assert outcomes[0].stdout != outcomes[1].stdout


LANGUAGES = {
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d", a + b); }',
    "cpp": "#include <bits/stdc++.h>\nusing namespace std;\nint main() { int a, b; cin >> a >> b; cout << a + b; }",
    "javascript": (
        "const rl = require('readline').createInterface({input: process.stdin});"
        "rl.on('line', l => { const [a, b] = l.split(' ').map(Number); console.log(a + b) })"
    ),
    "java": (
        "import java.util.*; // public class Fake\npublic class Adder { static class In {}\n"
        "public static void main(String[] x) { Scanner s = new Scanner(System.in);"
        "System.out.println(s.nextInt() + s.nextInt()); } }"
    ),
    "rust": (
        "use std::io::*; fn main() { let mut s = String::new(); stdin().read_to_string(&mut s).unwrap();"
        'println!("{}", s.split_whitespace().map(|x| x.parse::<i32>().unwrap()).sum::<i32>()); }'
    ),
    "go": 'package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }',
    "bash": "read a b; echo $((a + b)) | cat",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_compiles_once_and_runs_many_times(runner: PooledRunner, language: str) -> None:
    """One compilation serves all runs."""
    extension = {"bash": "sh", "rust": "rs", "javascript": "js"}.get(language, language)
    program = Program(language, {f"anything.{extension}": LANGUAGES[language].encode()})
    if language not in runner.languages:
        with pytest.raises(LanguageUnavailable), runner.open(program):
            pass
        return
    with runner.open(program) as candidate:
        assert candidate.compiled is None or candidate.compiled.exited_zero, candidate.compiled
        outcomes = list(candidate.run([Run(stdin=b"3 4\n"), Run(stdin=b"30 40\n")], Limits(cpu_s=5)))
    assert [outcome.stdout.strip() for outcome in outcomes] == [b"7", b"70"], outcomes


@pytest.mark.parametrize("language", ["javascript", "java", "go"])
def test_a_runtime_with_a_heap_of_its_own_keeps_a_small_limit(runner: PooledRunner, language: str) -> None:
    """128 MiB is enough for a small program of a language whose runtime reserves much more address space."""
    if language not in runner.languages:
        assert runner.isolation.startswith("bubblewrap")  # The image has them all.
        return
    extension = {"javascript": "js"}.get(language, language)
    with runner.open(Program(language, {f"anything.{extension}": LANGUAGES[language].encode()})) as candidate:
        (outcome,) = candidate.run([Run(stdin=b"3 4\n")], Limits(memory_bytes=128 * MIB))
    assert outcome.stdout.strip() == b"7", outcome


def test_a_compile_error_is_an_outcome_with_a_message(runner: PooledRunner) -> None:
    """What does not compile says why, and cannot be run."""
    with runner.open(Program("c", {"main.c": b"int main(void) { return x; }"})) as candidate:
        assert candidate.compiled is not None
        assert candidate.compiled.exit_code == 1
        assert b"undeclared" in candidate.compiled.stderr


@pytest.mark.parametrize("language", sorted(read_languages()))
def test_the_hello_program_of_each_language_works(runner: PooledRunner, language: str) -> None:
    """Every row of the table, on every jail that has what it needs; the image has all of them."""
    if language not in runner.languages:
        assert runner.isolation.startswith("bubblewrap")
        return
    with runner.open(Program(language, {"program": read_languages()[language].hello.encode()})) as candidate:
        assert candidate.compiled is None or candidate.compiled.exited_zero, candidate.compiled
        (outcome,) = candidate.run([Run(stdin=b"21\n")], Limits(cpu_s=10))
    assert outcome.stdout.split() == [b"hello", b"42"], outcome


@pytest.mark.parametrize(
    "bad",
    [Run(files={"../up": b""}), Run(args=("a\0b",)), Run(args=("x",) * 5000), Run(args=("y" * 200_000,))],
    ids=["name", "NUL", "many", "long"],
)
def test_what_no_program_can_be_given_costs_no_jail_and_no_other_runs_output(runner: PooledRunner, bad: Run) -> None:
    """It is refused before anything begins, and what the program is asked after it gets its own answers."""
    program = Program("python", {"main.py": b"print(input())"})
    jails = {facts["pid"] for facts in runner.facts()}
    with runner.open(program) as candidate:
        with pytest.raises(ValueError, match=r"file names|argument"):
            list(candidate.run([Run(b"a0\n"), Run(b"a1\n"), bad], Limits()))
        for text in (b"b0\n", b"b1\n", b"b2\n"):
            assert [outcome.stdout for outcome in candidate.run([Run(text)], Limits())] == [text]
    assert {facts["pid"] for facts in runner.facts()} == jails


def test_an_interruption_in_the_middle_leaves_nothing_to_be_taken_for_another_runs(runner: PooledRunner) -> None:
    """Whoever stops listening after the first outcome, and asks again, hears what was asked then."""
    with runner.open(Program("python", {"main.py": b"print(input())"})) as candidate:
        for start in range(0, 60, 20):
            texts = [f"{start + n}\n".encode() for n in range(20)]
            outcomes = candidate.run([Run(text) for text in texts], Limits())
            assert next(outcomes).stdout == texts[0]
            outcomes.close()
