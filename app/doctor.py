"""`touchstone doctor`: what works on this machine, and how to mend what does not.

Each check tries the thing itself: a jail is started, a program run in it, the store is asked. The exit status is 0 when
`touchstone serve` would work here.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from app.settings import Settings
from sandbox.errors import SandboxFault
from sandbox.languages import read_languages
from sandbox.limits import Limits
from sandbox.run import Program, Run
from sandbox.runner import Runner

HELLO = b"hello 42\n"
"""What each language's hello program prints when it reads 21."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it went ("missing" alone does no harm), what was seen or how to mend it."""

    name: str
    state: Literal["ok", "missing", "broken"]
    detail: str


def examine(settings: Settings, console: Console, *, languages: bool) -> int:
    """Check everything and print a table.

    Args: languages: also compile and run a program in each language.
    Returns: the exit status: 0 when the service can run here.
    """
    findings = [_python(), _store(settings)]
    with contextlib.ExitStack() as exits:
        jails, runner = _jails(settings, exits)
        findings += jails
        if languages and runner is not None:
            findings += _languages(runner)
    findings += judges(settings)
    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "found"):
        table.add_column(title, overflow="fold")
    marks = {"ok": "[green]ok[/]", "missing": "[yellow]–[/]", "broken": "[red]✗[/]"}
    for finding in findings:
        table.add_row(marks[finding.state], finding.name, finding.detail.replace("[", "\\["))
    console.print(table)
    return 0 if all(finding.state != "broken" for finding in findings) else 1


def _python() -> Finding:
    cores = len(os.sched_getaffinity(0))
    return Finding("python", "ok", f"{sys.version.split()[0]}, {cores} cores")


def _store(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return _embedded_store()
    from app.rq_queue import connect

    client = connect(settings, settings.redis_url.get_secret_value())
    try:
        client.ping()
        version = client.info("server").get("redis_version", "?")
        kept = client.config_get("appendonly").get("appendonly")
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except RedisError as error:
        return Finding("store", "broken", f"TOUCHSTONE_REDIS_URL does not answer ({error}): start Redis, or unset it")
    finally:
        client.close()
    worries = []
    if kept != "yes":
        worries.append("without an append-only file its restart loses accepted work: set appendonly yes")
    if policy != "noeviction":
        worries.append(f"maxmemory-policy {policy} may drop accepted work: set noeviction")
    return Finding("store", "missing" if worries else "ok", "; ".join([f"Redis {version}", *worries]))


def _embedded_store() -> Finding:
    from app.store import EmbeddedStore

    with tempfile.TemporaryDirectory(prefix="touchstone-doctor-") as folder:
        try:
            with EmbeddedStore(Settings(data_dir=Path(folder))):
                return Finding("store", "ok", "embedded Valkey starts and answers; TOUCHSTONE_REDIS_URL is unset")
        except Exception as error:  # noqa: BLE001  Whatever it is, it is what the user must read.
            return Finding("store", "broken", f"the embedded store does not start: {error}")


def _jails(settings: Settings, exits: contextlib.ExitStack) -> tuple[list[Finding], Runner | None]:
    """Each jail tried; the runner of the one that the settings would choose."""
    from sandbox.pool import PooledRunner, open_runner

    folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="touchstone-doctor-")))
    findings: list[Finding] = []
    opened: dict[str, PooledRunner] = {}
    for kind in ("docker", "bubblewrap"):
        try:
            runner = open_runner(
                "docker" if kind == "docker" else "bubblewrap",
                image=settings.sandbox_image,
                run_dir=folder,
                runtime=settings.sandbox_runtime,
            )
        except SandboxFault as fault:
            findings.append(Finding(f"{kind} jail", "missing", str(fault)))
            continue
        exits.callback(runner.close)
        opened[kind] = runner
        detail = f"{runner.isolation}: {', '.join(sorted(runner.languages))}"
        if runner.lacks:  # It works, behind a weaker wall than it could have.
            findings.append(Finding(f"{kind} jail", "missing", f"{detail}; {runner.lacks}"))
            continue
        findings.append(Finding(f"{kind} jail", "ok", detail))
    wanted = settings.sandbox if settings.sandbox != "auto" else next(iter(opened), "")
    if wanted not in opened:
        findings.append(Finding("sandbox", "broken", "code cannot be graded here: mend one of the jails above"))
        return findings, None
    findings.append(Finding("sandbox", "ok", f"TOUCHSTONE_SANDBOX={settings.sandbox} means {wanted} here"))
    return findings, opened[wanted]


def _languages(runner: Runner) -> Iterator[Finding]:
    """A program of each language, compiled and run."""
    for name, language in sorted(read_languages().items()):
        if name not in runner.languages:
            needs = " and ".join(language.needs)
            yield Finding(
                name, "missing", f"needs {needs}: `make sandbox-image` has it; for bubblewrap install it here"
            )
            continue
        try:
            yield _hello(runner, name, language.hello)
        except SandboxFault as fault:
            yield Finding(name, "broken", str(fault))


def _hello(runner: Runner, name: str, source: str) -> Finding:
    with runner.open(Program(name, {"program": source.encode()})) as candidate:
        compiled = candidate.compiled
        if compiled is not None and not compiled.exited_zero:
            return Finding(name, "broken", f"does not compile: {compiled.stderr[-300:].decode(errors='replace')}")
        (outcome,) = candidate.run([Run(stdin=b"21\n")], Limits(cpu_s=20))
        if outcome.stdout.split() != HELLO.split():
            tail = outcome.stderr[-300:].decode(errors="replace")
            return Finding(name, "broken", f"{outcome.ended} {outcome.exit_code}: {tail}")
        took = f"{outcome.wall_s * 1000:.0f} ms"
        return Finding(name, "ok", took if compiled is None else f"compiled in {compiled.wall_s:.2f} s, {took}")


def judges(settings: Settings) -> Iterator[Finding]:
    """Each judge, asked about an answer that anybody would call good."""
    from app.chunk import ChunkItem
    from app.judging import Jury

    for name, judge in settings.judges.items():
        reference = None if judge.dialect != "chat-pairwise" else "I do not know."
        task = {"kind": "preference", "judge": name, "reference": reference}
        item = ChunkItem("2 + 2 is 4.", prompt="What is 2 + 2?", task=task, explain=True)
        started = time.monotonic()
        try:
            with Jury({name: judge}) as jury:
                (result,) = jury.judge([item])
        except ValueError as error:  # A key or a certificate that is not there.
            yield Finding(name, "broken", str(error))
            continue
        if result.verdict is None:
            said = result.fault.message if result.fault is not None else "it was not asked"
            yield Finding(name, "broken", f"{said}: docs/judges.md has a table for each server")
            continue
        verdict = result.verdict
        numbers = ", ".join(f"{number:g}" for number in verdict["explain"]["numbers"])
        took = f"{time.monotonic() - started:.2f} s"
        yield Finding(name, "ok", f"{judge.dialect} says {numbers}, {verdict['outcome']}, in {took}")
