"""What every script here shares. Runs in the trainers' environment, so it knows nothing of the project.

A script calls one package's own code on the rows, and says in one line of JSON how the rewards compare.
"""

import contextlib
import importlib.machinery
import importlib.metadata
import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

URL = os.environ["TOUCHSTONE_URL"]
UNPACKED = Path(os.environ["INTEROP_UNPACKED"])
EXAMPLES = Path(os.environ["INTEROP_EXAMPLES"])
STARTED = time.monotonic()


def rows(name: str = "mixed") -> list[dict[str, Any]]:
    """The rows of a set."""
    found: list[dict[str, Any]] = json.loads(Path(os.environ["INTEROP_ROWS"]).read_text("utf-8"))[name]
    return found


def bare(*names: str) -> None:
    """Packages whose own __init__ is not run, so that one module of theirs can be imported without the rest.

    The package's folder is that of the unpacked wheel (or of a checkout, for what is on no index). Its modules are the
    ones that were published; what they import beyond that must be there.
    """
    for name in names:
        module = types.ModuleType(name)
        folder = UNPACKED.joinpath(*name.split("."))
        if not folder.is_dir():
            raise SystemExit(f"{name} is not in {UNPACKED}")
        module.__path__ = [str(folder)]
        module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, module)


def stand_in(name: str, **attributes: Any) -> None:
    """A module that is not there, with what is taken from it: never the code under test."""
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def report(package: str, part: str, rewards: list[Any], expected: list[Any], note: str = "", **more: Any) -> None:
    """One line for the table; the exit status says whether every reward was right."""
    wrong = [index for index, (got, want) in enumerate(zip(rewards, expected, strict=True)) if got != want]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        package = f"{package} {importlib.metadata.version(package)}"
    line = {
        "package": package,
        "part": part,
        "rows": len(rewards),
        "right": len(rewards) - len(wrong),
        "seconds": round(time.monotonic() - STARTED, 1),
        "note": note,
        "wrong": [[index, _plain(rewards[index]), expected[index]] for index in wrong[:20]],
        **more,
    }
    print("INTEROP " + json.dumps(line), flush=True)
    if wrong:
        raise SystemExit(f"{len(wrong)} rewards are not right")


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) or value is None else repr(value)
