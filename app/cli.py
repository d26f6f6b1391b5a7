"""The command line `touchstone`: one command per process kind, and the ones that help."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from app import log, version
from app.errors import GradeError
from app.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Rewards and verification for reinforcement learning of language models.",
)

console = Console()
errors = Console(stderr=True)


class QueueName(StrEnum):
    """The queues a worker can work on."""

    MATH = "math"
    CODE = "code"
    JUDGE = "judge"


def load_settings(*, recipes: bool = True) -> Settings:
    """The settings of this process, or a clear end of it.

    Args: recipes: an operator's recipes are read too, and must be good.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        for entry in error.errors(include_url=False, include_input=False):
            name = ".".join(str(step) for step in entry["loc"]).upper()
            errors.print(f"setting {'TOUCHSTONE_' + name if name else ''}: {entry['msg']}", markup=False)
        raise typer.Exit(2) from None
    except ValueError as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(2) from None
    log.configure(settings.log_level)
    if recipes:
        from app.profiles import ProfilesRefused, profiles_of

        try:
            profiles_of(settings)
        except ProfilesRefused as refused:
            for problem in refused.problems:
                errors.print(problem, markup=False)
            raise typer.Exit(2) from None
    return settings


@app.callback(invoke_without_command=True)
def top(show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    """Rewards and verification for reinforcement learning of language models."""
    if show_version:
        console.print(f"touchstone {version.SERVICE} (grader {version.GRADER})", highlight=False)
        raise typer.Exit


@app.command()
def serve() -> None:
    """Run everything on this machine: API, embedded store when no Redis is configured, workers, sandbox."""
    from app.serve import serve as run
    from app.store import StoreInUse

    settings = load_settings()
    try:
        status = run(settings, console)
    except (StoreInUse, ValueError) as error:
        errors.print(str(error), markup=False)
        status = 2
    raise typer.Exit(status)


@app.command()
def api() -> None:
    """Run one API process (needs TOUCHSTONE_REDIS_URL)."""
    import uvicorn

    from app.door import serve
    from app.main import create_app
    from app.processes import die_with_parent

    settings = load_settings()
    if settings.redis_url is None:
        errors.print("TOUCHSTONE_REDIS_URL is not set; `touchstone serve` starts an embedded store instead")
        raise typer.Exit(2)
    die_with_parent()
    serve(
        uvicorn.Config(
            create_app(settings),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(settings.stop_grace_s),
            timeout_keep_alive=75,
            backlog=4096,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


@app.command()
def worker(queue: Annotated[QueueName, typer.Option("--queue", help="The queue to work on.")]) -> None:
    """Run one worker process (needs TOUCHSTONE_REDIS_URL; a code worker also a sandbox, a judge worker judges)."""
    from redis.exceptions import RedisError

    from app.worker import run
    from sandbox.errors import SandboxFault

    settings = load_settings()
    try:
        run(settings, queue.value)
    except (SandboxFault, RedisError, ValueError) as error:
        errors.print(f"{queue.value} worker: {error}", markup=False)
        raise typer.Exit(1) from None


@app.command()
def grade(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Items as in /v1/grade: JSONL, or a table (.csv, .parquet).")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File of results: JSONL, .csv or .parquet.")],
    profile: Annotated[str | None, typer.Option(help="Recipe for items that name none.")] = None,
    url: Annotated[str | None, typer.Option(help="A running service; without it the items are graded here.")] = None,
    job_items: Annotated[int, typer.Option(min=1, max=1_000_000, help="Items sent as one job, with --url.")] = 10_000,
    explain: Annotated[bool, typer.Option(help="Add references and details to the results.")] = False,
) -> None:
    """Grade a file. A second run over the same files goes on where the first one stopped, however it did."""
    from app.offline import grade_file

    settings = load_settings()
    try:
        summary = grade_file(
            source, target, settings=settings, profile=profile, url=url, job_items=job_items, explain=explain
        )
    except (GradeError, OSError) as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        errors.print("stopped; the same command goes on from here")
        raise typer.Exit(130) from None
    console.print(summary, markup=False, highlight=False)


class Method(StrEnum):
    """How completions are selected."""

    REJECT = "reject"
    BEST = "best"
    VOTE = "vote"


class Filter(StrEnum):
    """What drops a completion, whatever the method."""

    MIXED_LANGUAGE = "mixed_language"
    LONG_PARAGRAPH = "long_paragraph"
    CODE_BLOCK = "code_block"
    REPETITION = "repetition"


class By(StrEnum):
    """What makes two answers of a vote equal."""

    MATH = "math"
    CHOICE = "choice"
    TEXT = "text"
    JSON = "json"


@app.command()
def select(
    source: Annotated[Path, typer.Argument(metavar="IN", help="JSONL, CSV or Parquet file of items as in /v1/select.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="JSONL file of chat messages to train on.")],
    method: Annotated[Method, typer.Option(help="Keep the correct, the best, or those most others agree with.")],
    filters: Annotated[
        list[Filter] | None, typer.Option("--filter", help="Drop what has this; may be given several times.")
    ] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Completions kept of a group, at most.")] = None,
    by: Annotated[By | None, typer.Option(help="What makes two answers of a vote equal.")] = None,
    profile: Annotated[str | None, typer.Option(help="Recipe for items that name none.")] = None,
    dropped: Annotated[Path | None, typer.Option(help="What was dropped, and why; else OUT.dropped.jsonl.")] = None,
    url: Annotated[str | None, typer.Option(help="A running service; without it the items are judged here.")] = None,
) -> None:
    """Make training examples of sampled completions: rejection sampling, best of n, or a majority vote."""
    from app.select_file import select_file

    settings = load_settings()
    given = {"method": method.value, "keep": keep, "profile": profile, "by": by.value if by else None}
    options: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if filters:
        options["filters"] = [{"name": one.value} for one in filters]
    try:
        summary = select_file(
            source,
            target,
            dropped or target.with_name(target.name + ".dropped.jsonl"),
            settings=settings,
            options=options,
            url=url,
        )
    except (GradeError, OSError) as error:
        errors.print(str(error), markup=False)
        raise typer.Exit(1) from None
    console.print(summary, markup=False, highlight=False)


@app.command()
def check(
    tasks: Annotated[Path, typer.Argument(metavar="TASKS", help="JSONL file of items or tasks.")],
    mutants: Annotated[int, typer.Option(min=0, max=1000, help="Broken solutions tried a task, at most.")] = 20,
) -> None:
    """Say which tasks are broken or weakly tested, before anyone trains on them."""
    from app.check_tasks import check_tasks
    from sandbox.errors import SandboxFault

    settings = load_settings()
    try:
        status = check_tasks(tasks, settings, console, mutants=mutants)
    except (SandboxFault, OSError) as error:
        errors.print(str(error), markup=False)
        status = 2
    raise typer.Exit(status)


profiles = typer.Typer(no_args_is_help=True, help="Recipes of your own.")
app.add_typer(profiles, name="profiles")


@profiles.command("check")
def check_profiles(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="A TOML file or a folder; without it, the settings' recipes."),
    ] = None,
) -> None:
    """Say whether recipes can be used, and list them, written as a request would write them."""
    from pydantic_core import to_json

    from app.profiles import PROFILES, ProfilesRefused, as_inline, profiles_of

    settings = load_settings(recipes=False)
    if path is not None:
        if not path.exists():
            errors.print(f"{path} does not exist", markup=False)
            raise typer.Exit(2)
        settings = settings.model_copy(update={"profiles": {}, "profiles_path": path})
    try:
        found = profiles_of(settings)
    except ProfilesRefused as refused:
        for problem in refused.problems:
            errors.print(problem, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    own = {name: spec for name, spec in found.items() if name not in PROFILES}
    for name, spec in own.items():
        console.print(f"{name}: {to_json(as_inline(spec)).decode()}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(own)} recipes of yours, {len(PROFILES)} built in: all can be used", highlight=False)


@app.command()
def bench(
    url: Annotated[str | None, typer.Option(help="A running service; without it the one of the settings.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long single items are sent.")] = 5.0,
    concurrency: Annotated[int, typer.Option(min=1, max=4096, help="Requests of single items at once.")] = 64,
) -> None:
    """Measure a running service: batches, single items, programs; every verdict is checked."""
    from app.bench import bench as run

    try:
        status = run(url, load_settings(), console, seconds=seconds, concurrency=concurrency)
    except GradeError as error:
        errors.print(str(error), markup=False)
        status = 2
    raise typer.Exit(status)


@app.command()
def doctor(
    languages: Annotated[bool, typer.Option(help="Compile and run a program in each language.")] = False,
) -> None:
    """Say what works on this machine, and how to mend what does not."""
    from app.doctor import examine

    raise typer.Exit(examine(load_settings(), console, languages=languages))


def main() -> None:
    """The entry point of the `touchstone` script."""
    sys.exit(app())
