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
import os
import socket
import sys
from types import CodeType, FrameType, ModuleType, TracebackType
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
    launcher.touchstone_become_spawner()
    gc.collect()
    gc.freeze()
    gc.disable()
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
    arguments = [
        os.fsdecode(launcher.touchstone_argument(index)) for index in range(launcher.touchstone_argument_count())
    ]
    environment = [launcher.touchstone_environment(index) for index in range(launcher.touchstone_environment_count())]
    _become_program(arguments, environment)


def _load_launcher(path: str) -> Any:
    """The launcher's library, or, where it was not built, the same in Python."""
    if not os.path.exists(path):
        sys.path.insert(0, "/touchstone")
        from sandbox.agent.pylauncher import PyLauncher

        sys.path.remove("/touchstone")
        return PyLauncher()
    launcher = ctypes.PyDLL(path)  # PyDLL keeps the interpreter lock, so that the fork finds it held.
    launcher.touchstone_argument.restype = ctypes.c_char_p
    launcher.touchstone_environment.restype = ctypes.c_char_p
    return launcher


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


def _become_program(arguments: list[str], environment: list[bytes]) -> NoReturn:
    """Turn this fork into `python3 arguments[0] arguments[1:]`; ends the process."""
    wanted = dict(entry.split(b"=", 1) for entry in environment)
    if os.environb != wanted:  # As a rule only the channel's variable is new: the agent starts us with the others.
        for variable in set(os.environb) - set(wanted):
            del os.environb[variable]
        for variable, value in wanted.items():
            if os.environb.get(variable) != value:
                os.environb[variable] = value
    sys.argv = list(arguments)
    path = os.path.join(_PROGRAM_FOLDER, arguments[0])
    sys.path.insert(0, os.path.dirname(path))
    _open_standard_streams()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()  # Else all programs would draw the same numbers.
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=sys.modules["builtins"], __annotations__={})
    main.__loader__ = None
    sys.modules["__main__"] = main
    gc.enable()
    sys.setrecursionlimit(1000 + _depth())
    status = _run_main(path, main.__dict__)
    os._exit(_shut_down(status, main))


def _depth() -> int:
    """How many frames lie below the program, which a fresh interpreter would not have."""
    depth = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


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
    if not _flush():
        status = 120
    names = main.__dict__
    for private in (True, False):
        for name in list(names):
            is_private = name.startswith("_") and not name.startswith("__")
            if name != "__builtins__" and is_private is private:
                names[name] = None
    if not _flush():
        status = 120
    return status


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
