"""Outsiders' tools against the running service over HTTP: `make audit`, also in the project's CI.

    throw-away venv ──▶ touchstone serve on a free port ──▶ each tool with its gate ──▶ one line per tool, exit status

The tools are installed into a virtual environment of their own under a temporary folder, so that nothing of theirs
enters the project's locks. Gates: reward-doctor accepts no exploit; falsepass finds no wrong answer that is paid
(ceiling 0), no error; rewardprobe has no critical finding; envdoctor none of medium severity or worse.

One finding of rewardprobe is what the contract asks for and does not count: a task whose answer is missing is invalid,
so it raises instead of scoring (REFUSED). Anything else that raises still counts.

Not covered: code graders; none of these tools attacks one over HTTP (tests/adversarial does).
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

HERE = Path(__file__).resolve().parent
TOOLS = ("reward-doctor", "falsepass", "rewardprobe", "rl-envdoctor")
INSTALL_S, READY_S, TOOL_S, STOP_S = 600.0, 120.0, 300.0, 30.0
TAIL_LINES = 40
FIGURES = (
    "n_cases", "n_exploits_accepted", "false_positive_rate", "false_negative_rate",
    "attacks_total", "attacks_passed", "critical", "warning",
)  # fmt: skip
REFUSED = ("missing_column", "NotGraded: invalid: {'code': 'empty_reference'")


class Audit(NamedTuple):
    """One tool: its name, and the commands of which the last one is the gate."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def audits(bin_: Path, work: Path) -> list[Audit]:
    """The tools with their gates; what they write goes under the work folder."""
    tasks = str(HERE / "tasks.jsonl")
    doctor = (str(bin_ / "reward-doctor"), "audit", "client:math_reward")
    return [
        Audit(
            "reward-doctor",
            (
                (*doctor, "--fail-on", "never", "-f", "json", "-o", str(work / "reward-doctor.json")),
                (*doctor, "--fail-on", "exploit", "--no-color"),
            ),
        ),
        Audit(
            "falsepass",
            (
                (
                    str(bin_ / "falsepass"), "init", str(HERE / "rewards.py"), "--dataset", tasks,
                    "--func", "accuracy_reward", "--answer-column", "answer", "--prompt-column", "prompt",
                    "--path", str(HERE), "--force",
                ),
                (
                    str(bin_ / "python"), "-m", "falsepass.runner", "audits/rewards", "-n", "20", "--search", "60",
                    "--search-examples", "5", "--fail-on", "ceiling>0", "--fail-on", "errors>0",
                ),
            ),
        ),
        Audit(
            "rewardprobe",
            (
                (
                    str(bin_ / "rewardprobe"), "test", f"{HERE / 'client.py'}::math_answer", "--dataset", tasks,
                    "--json", "-o", str(work / "rewardprobe.json"),
                ),
            ),
        ),
        Audit(
            "envdoctor",
            ((str(bin_ / "envdoctor"), "scan", "envd::target", "--n", "20", "--fail-on", "medium"),),
        ),
    ]  # fmt: skip


def installed(work: Path) -> Path:
    """A fresh virtual environment with the tools; its folder of programs."""
    venv = work / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], check=True, timeout=INSTALL_S)
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode != 0:
        pip = ["python3", "-m", "pip"]  # The project's own environment has none where the host's installed into it.
    command = [*pip, "--python", str(venv / "bin" / "python"), "install", "-q", "httpx", *TOOLS]
    run = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if run.returncode != 0:
        raise SystemExit(f"the tools could not be installed:\n{_tail(run.stderr)}")
    return venv / "bin"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def service(log: Path) -> Iterator[str]:
    """`touchstone serve` with maths workers only; stopped, with all it started, on the way out."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOUCHSTONE_")}
    environment |= {
        "TOUCHSTONE_HOST": "127.0.0.1",
        "TOUCHSTONE_PORT": str(port),
        "TOUCHSTONE_CODE_WORKERS": "0",
        # falsepass sends completions of 2 MB: the grader is to judge them, not the edge to refuse them.
        "TOUCHSTONE_COMPLETION_BYTES_MAX": str(4 * 2**20),
    }
    command = [sys.executable, "-m", "app", "serve"]
    with log.open("wb") as sink:
        # Its folder is the project's, so that `-m app` is this work tree's service.
        served = subprocess.Popen(command, env=environment, cwd=HERE.parent, stdout=sink, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            _await_ready(served, url, log)
            yield url
        finally:
            served.send_signal(signal.SIGTERM)
            try:
                served.wait(STOP_S)
            except subprocess.TimeoutExpired:
                served.kill()
                served.wait()


def _await_ready(served: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Until the API answers and a maths worker lives; without code workers /readyz as a whole stays 503."""
    deadline = time.monotonic() + READY_S
    with httpx.Client(base_url=url, timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline and served.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                alive = client.get("/livez").status_code == 200
                if alive and client.get("/readyz").json()["checks"].get("math_workers", {}).get("ok"):
                    return
            time.sleep(0.1)  # Another process's start has no event to wait for.
    raise SystemExit(f"the service did not become ready:\n{_tail(log.read_text('utf-8', 'replace'))}")


def _tail(said: str) -> str:
    return "\n".join(said.splitlines()[-TAIL_LINES:])


def passed(audit: Audit, work: Path, url: str) -> bool:
    """Run one tool and print its line; its output too where the gate fails."""
    environment = {**os.environ, "REWARD_URL": url, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    start = time.monotonic()
    for command in audit.commands:
        try:
            run = subprocess.run(
                command, env=environment, cwd=work, capture_output=True, text=True, timeout=TOOL_S, check=False
            )
            code, said = run.returncode, run.stdout + run.stderr
        except subprocess.TimeoutExpired:
            code, said = 124, f"no end after {TOOL_S:.0f} s"
        if code != 0:
            break
    if code == 0 and audit.name == "rewardprobe":
        critical = _critical(work / "rewardprobe.json")
        code, said = (1, json.dumps(critical, indent=1)) if critical else (0, said)
    spent = time.monotonic() - start
    print(f"{audit.name:14} {'ok' if code == 0 else f'FAILED (exit {code})':18} {spent:6.1f} s{_figures(audit, work)}")
    if code != 0:
        print(_tail(said), file=sys.stderr)
    sys.stdout.flush()
    return code == 0


def _critical(report: Path) -> list[dict[str, Any]]:
    """The critical findings of rewardprobe, without the refusal that the contract asks for."""
    findings = [found for family in json.loads(report.read_text("utf-8"))["families"] for found in family["findings"]]
    return [
        found
        for found in findings
        if found["severity"] == "critical"
        and not (found["attack"] == REFUSED[0] and str(found["error"]).startswith(REFUSED[1]))
    ]


def _figures(audit: Audit, work: Path) -> str:
    """The figures of a JSON report, where the tool wrote one."""
    report = work / f"{audit.name}.json"
    if not report.exists():
        return ""
    found = json.loads(report.read_text("utf-8"))
    everything = {**found, **(found["summary"] if isinstance(found.get("summary"), dict) else {})}
    figures = {name: everything[name] for name in FIGURES if name in everything}
    if "critical" in figures:
        figures["critical"] = len(_critical(report))
    return "".join(f"  {name}={value:g}" for name, value in figures.items())


def main() -> int:
    """Run every audit.

    Returns: 0 when all gates hold, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", type=Path, help="folder for the tools' reports, instead of a temporary one")
    options = parser.parse_args()
    with contextlib.ExitStack() as exits:
        work = options.keep or Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-audit-")))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        bin_ = installed(work)
        url = exits.enter_context(service(work / "service.log"))
        held = [passed(audit, work, url) for audit in audits(bin_, work)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
