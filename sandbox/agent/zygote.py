"""A warm Python interpreter whose forks are the candidates.

The zygote imports what programs usually import, freezes it, and waits. For each run the launcher library clones it
into fresh namespaces; the copy becomes the program as if `python3 main.py` had been typed: same `__main__`, argv,
standard streams, tracebacks, exit codes and shutdown order. It saves the 15 to 500 ms of starting and importing.

What differs from a fresh interpreter, knowingly: the hash seed is fixed, so that the same program gives the same
output; modules of the flavour are already in `sys.modules`; the final garbage collection is left out, as the process
is about to vanish (module globals are cleared, so their finalizers run).

Source: the order of shutdown follows CPython's Py_RunMain and Py_FinalizeEx (Python/pylifecycle.c).
"""

import contextlib
import ctypes
import gc
import importlib
import io
import os
import socket
import struct
import sys
import threading
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, NoReturn

# What each flavour imports; what is not installed is passed over. "plain" serves programs that import none of the rest.
FLAVOURS: dict[str, tuple[str, ...]] = {
    # Each module is paid for by every run (its pages are copied as they are touched), so the rare ones stay out.
    "plain": (
        "abc", "array", "atexit", "bisect", "builtins", "cmath", "codecs", "collections", "collections.abc",
        "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq", "io",
        "itertools", "json", "linecache", "math", "numbers", "operator", "os", "queue", "random", "re", "statistics",
        "string", "struct", "sys", "textwrap", "threading", "time", "traceback", "types", "typing", "warnings",
        "weakref", "zlib",
    ),
    "numpy": ("numpy", "numpy.random", "numpy.linalg"),
    "science": ("numpy", "numpy.random", "numpy.linalg", "scipy", "scipy.special", "pandas", "sympy", "networkx"),
}  # fmt: skip

_PROGRAM_FOLDER = "/box"
_THREAD_STACK_BYTES = 16 * 2**20


def serve(launcher_path: str, sock_fd: int, flavour: str) -> None:
    """Import the flavour, say that we are ready, and fork candidates until the agent hangs up.

    Args:
        launcher_path: the launcher as a shared library.
        sock_fd: the SOCK_SEQPACKET socket on which requests arrive.
        flavour: a name in FLAVOURS; "plain" is always imported.
    """
    sys.path = [entry for entry in sys.path if entry not in ("", os.path.dirname(__file__), "/touchstone")]
    for name in FLAVOURS["plain"] + (FLAVOURS[flavour] if flavour != "plain" else ()):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    launcher = _load_launcher(launcher_path)
    _make_threads_modest()
    _warm_up()
    _open_streams_of_forks()
    spare_threads = _Unforked(threading._after_fork)  # type: ignore[attr-defined]
    own_environment = [name + b"=" + value for name, value in os.environb.items()]
    gc.collect()
    gc.freeze()
    gc.disable()
    for start, size in _learn_writes(launcher):
        launcher.touchstone_expect_writes(ctypes.c_size_t(start), ctypes.c_size_t(size))
    launcher.touchstone_become_spawner()
    socket.socket(fileno=os.dup(sock_fd)).send(b"ready")
    before, parent, child = (
        getattr(ctypes.pythonapi, name) for name in ("PyOS_BeforeFork", "PyOS_AfterFork_Parent", "PyOS_AfterFork_Child")
    )
    while True:
        before()
        role = launcher.touchstone_next(sock_fd)
        if role == 1:
            if not getattr(launcher, "forks_itself", False):
                child()
            break
        parent()
        if role < 0:
            return
    spare_threads.restore()
    gc.enable()
    launcher.touchstone_await()
    arguments, environment = _texts(launcher)
    if environment != own_environment:  # As a rule the agent starts us with what a program gets.
        _set_environment(environment)
    _become_program([os.fsdecode(argument) for argument in arguments])


# Something of what most programs do.
_WARM_UP = b"""
import sys
from collections import defaultdict
class Pair:
    def __init__(self, a, b): self.a, self.b = a, b
    def total(self): return self.a + self.b
def main(lines):
    counts = defaultdict(int)
    for line in lines:
        a, b = map(int, line.split())
        counts[a] += Pair(a, b).total()
        print(a + b, f"{a / b:.2f}", sorted([a, b], key=lambda n: -n), end=" ")
    print(" ".join(str(value) for _, value in sorted(counts.items())))
    if len(counts) > 2: raise ValueError("seen")
n = int(input())
main([input() for _ in range(n)] + sys.stdin.readlines())
"""
_WARM_UP_ROUNDS = 24  # The interpreter specialises a function after some eight calls, and a loop after more.


def _warm_up() -> None:
    """Run a program here, in the way of a fork, some times over.

    What the interpreter learns on the way (specialised code, looked-up attributes) lies in pages that every fork then
    shares; otherwise each would learn it anew, and pay a page fault for each page it is written to.
    """
    streams = sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__
    main, argv, path = sys.modules["__main__"], sys.argv, sys.path
    source = os.memfd_create("program")
    os.write(source, _WARM_UP)
    for round_number in range(_WARM_UP_ROUNDS):
        program = _prepare(["main.py"], f"/proc/self/fd/{source}")
        sys.stdin = io.TextIOWrapper(io.BytesIO(b"2\n1 2\n3 4\n" + b"5 6\n" * (round_number % 2)))
        _run_main(f"/proc/self/fd/{source}", program.__dict__)
        _clear(program.__dict__)
        sys.path = path[:]
    os.close(source)
    sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]
    sys.modules["__main__"], sys.argv, sys.path = main, argv, path
    sys.setrecursionlimit(1000)


_SMALL = b"a, b = map(int, input().split())\nprint(a + b)\n"


def _learn_writes(launcher: Any) -> list[tuple[int, int]]:
    """Which pages a fork writes to on the way through a small program, as starts and sizes: tried once, in a fork.

    Returns: nothing where the kernel does not say.
    """
    source = os.memfd_create("program")
    os.write(source, _SMALL)
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            path = f"/proc/self/fd/{source}"
            gc.enable()
            program = _prepare(["main.py"], path)
            sys.stdin = io.TextIOWrapper(io.BytesIO(b"1 2\n"))
            _shut_down(_run_main(path, program.__dict__), program)
            launcher.touchstone_tell_own_pages(send)
        finally:
            os._exit(0)
    os.close(send)
    with open(receive, "rb") as pipe:
        numbers = [number for (number,) in struct.iter_unpack("=Q", pipe.read())]
    os.waitpid(pid, 0)
    os.close(source)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _load_launcher(path: str) -> Any:
    """The launcher's library, or, where it was not built, the same in Python."""
    if not os.path.exists(path):
        sys.path.insert(0, "/touchstone")
        from sandbox.agent.pylauncher import PyLauncher

        sys.path.remove("/touchstone")
        return PyLauncher()
    launcher = ctypes.PyDLL(path)  # PyDLL keeps the interpreter lock, so that the fork finds it held.
    launcher.touchstone_texts.restype = ctypes.c_void_p
    launcher.touchstone_texts_size.restype = ctypes.c_size_t
    return launcher


def _texts(launcher: Any) -> tuple[list[bytes], list[bytes]]:
    """The program's arguments and its environment."""
    if isinstance(launcher, ctypes.PyDLL):
        whole = ctypes.string_at(launcher.touchstone_texts(), launcher.touchstone_texts_size())
        texts = whole.split(b"\0")[:-1]
        count = launcher.touchstone_argument_count()
        return texts[:count], texts[count:]
    found: tuple[list[bytes], list[bytes]] = launcher.texts()
    return found


def _set_environment(variables: list[bytes]) -> None:
    wanted = dict(variable.split(b"=", 1) for variable in variables)
    for name in set(os.environb) - set(wanted):
        del os.environb[name]
    for name, value in wanted.items():
        if os.environb.get(name) != value:
            os.environb[name] = value


def _make_threads_modest() -> None:
    """Give threads the stack a fresh interpreter would give them.

    The zygote starts with a stack limit as large as any run's, since the gap below the stack is fixed at exec; the C
    library takes that limit as the default for threads too.
    """
    library = ctypes.CDLL(None)
    attributes = (ctypes.c_char * 256)()
    if library.pthread_attr_init(attributes) == 0:
        library.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_THREAD_STACK_BYTES))
        library.pthread_setattr_default_np(attributes)


def _become_program(arguments: list[str]) -> NoReturn:
    """Turn this fork into `python3 arguments[0] arguments[1:]`; ends the process."""
    path = os.path.join(_PROGRAM_FOLDER, arguments[0])
    main = _prepare(arguments, path)
    status = _run_main(path, main.__dict__)
    os._exit(_shut_down(status, main))


def _prepare(arguments: list[str], path: str) -> ModuleType:
    """The surroundings of a program that begins, and its empty main module. The streams are open already."""
    sys.argv = list(arguments)
    sys.path.insert(0, os.path.dirname(path))
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()  # Else all programs would draw the same numbers.
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=sys.modules["builtins"], __annotations__={})
    main.__loader__ = None
    sys.modules["__main__"] = main
    sys.setrecursionlimit(1000 + _depth() - 1)  # Our own frame will be gone.
    return main


def _depth() -> int:
    """How many frames lie below the program, which a fresh interpreter would not have."""
    depth = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


class _Unforked:
    """A function called after each fork, which does nothing in ours: there was one thread before and is one after.

    Renewing the locks of `threading` writes to a hundred pages, which is a fifteenth of a run's time.
    """

    def __init__(self, hook: FunctionType) -> None:
        self._hook, self._code = hook, hook.__code__
        hook.__code__ = (lambda: None).__code__

    def restore(self) -> None:
        """Let it do its work after a fork of the program's own."""
        self._hook.__code__ = self._code


def _open_streams_of_forks() -> None:
    """Open a fork's standard streams here, once: on a file to read and on pipes, which is what every fork has there."""
    saved = [os.dup(number) for number in range(3)]
    given = os.memfd_create("stdin")
    pipes = os.pipe()
    for number, fd in enumerate((given, pipes[1], pipes[1])):
        os.dup2(fd, number)
    _open_standard_streams()
    for number, fd in enumerate(saved):
        os.dup2(fd, number)
    for fd in (*saved, given, *pipes):
        os.close(fd)


def _open_standard_streams() -> None:
    """Streams as the interpreter makes them when none is a terminal, in the C.UTF-8 locale."""
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[misc] # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # type: ignore[misc] # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(  # type: ignore[misc] # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1
    )


def _run_main(path: str, namespace: dict[str, Any]) -> int:
    """Compile and execute the file; the exit status an interpreter would end with."""
    try:
        with open(path, "rb") as file:
            source = file.read()
        code: CodeType = compile(source, path, "exec", dont_inherit=True)
        del source, file
        exec(code, namespace)  # noqa: S102 - running untrusted code is what this process is for.
    except SystemExit as stop:
        return _exit_status(stop)
    except BaseException as error:  # noqa: BLE001 - the interpreter's own last resort.
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
            traceback = traceback.tb_next
        return _print_exception(error, traceback)
    return 0


def _exit_status(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    with contextlib.suppress(BaseException):  # The code's own __str__ may raise anything.
        print(stop.code, file=sys.stderr)
    return 1


def _print_exception(error: BaseException, traceback: TracebackType | None) -> int:
    try:
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    except SystemExit as stop:
        return _exit_status(stop)
    except BaseException:  # noqa: BLE001 - an excepthook that fails itself: report plainly, as the interpreter does.
        sys.__excepthook__(type(error), error, traceback)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _shut_down(status: int, main: ModuleType) -> int:
    """Threads, exit functions, streams, then the module's globals: the interpreter's order."""
    import atexit
    import threading

    for step in (threading._shutdown, atexit._run_exitfuncs):  # type: ignore[attr-defined]
        try:
            step()
        except SystemExit as stop:
            status = _exit_status(stop)
        except BaseException as error:  # noqa: BLE001
            sys.__excepthook__(type(error), error, error.__traceback__)
    whole = _flush()
    return status if _clear(main.__dict__) and whole else 120


def _clear(names: dict[str, Any]) -> bool:
    """Let go of a module's globals, private ones first, and of what their ends have printed."""
    for private in (True, False):
        for name in list(names):
            is_private = name.startswith("_") and not name.startswith("__")
            if name != "__builtins__" and is_private is private:
                names[name] = None
    return _flush()


def _flush() -> bool:
    """Flush what stands as standard output now, and what did at first; False when that cannot be done."""
    whole = True
    for stream in (sys.stdout, sys.__stdout__):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:  # noqa: BLE001 - a program may have put anything in the stream's place.
            whole = False
    with contextlib.suppress(BaseException):  # As above; standard error does not decide the status.
        if sys.stderr is not None and not sys.stderr.closed:
            sys.stderr.flush()
    return whole


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3])
