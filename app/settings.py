"""Every knob of the service, read once by each process from the environment or a TOML file.

A field's name in capitals behind TOUCHSTONE_ is its variable (TOUCHSTONE_PORT); in the TOML file it is the plain name.
The environment wins over the file. docs/settings.md lists them all; tests/test_docs.py keeps that list complete.
"""

import ipaddress
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import TomlConfigSettingsSource

from app.judge_settings import JudgeName, JudgeSettings

MIB = 1024 * 1024

JUDGES_BYTES_MAX = 100_000
"""Size of the judges' tables; child processes get them as one variable, of which the kernel takes 128 KiB."""

_JUDGES = TypeAdapter(dict[JudgeName, JudgeSettings])


def _state_folder() -> Path:
    """Where the embedded store keeps its data by default (XDG base directory specification)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "touchstone"


class Settings(BaseSettings):
    """The settings model; each field says its unit, its range and what it is for."""

    model_config = SettingsConfigDict(
        env_prefix="TOUCHSTONE_", frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )

    host: str = "127.0.0.1"
    """Address the API listens on. Anything but loopback needs `api_keys`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port the API listens on; 0 lets the system choose."""
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Accepted keys, separated by commas in the environment; none means no authentication, on loopback only."""

    redis_url: SecretStr | None = None
    """Address of the store: redis://, rediss:// (TLS), unix://, or redis+sentinel:// and rediss+sentinel:// with the
    Sentinels' hosts and the primary's name. Unset: `touchstone serve` starts an embedded one."""
    data_dir: Path = Field(default_factory=_state_folder)
    """Folder of the embedded store and its append-only file."""
    key_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.{}-]{1,64}$")] = "touchstone"
    """First part of every key in Redis, so that several services can share one."""
    redis_timeout_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds after which a silent Redis counts as gone for a request; a worker, whom nobody waits on, gives it five
    times as long."""

    sandbox: Literal["auto", "docker", "bubblewrap"] = "auto"
    """Which jail runs code: docker where an engine answers, else bubblewrap; there is no unisolated one."""
    sandbox_image: str = "touchstone-sandbox:latest"
    """Image of the docker jail; `make sandbox-image` builds it."""
    sandbox_runtime: str | None = None
    """Container runtime of the docker jail, for example "runsc"; None takes the engine's own."""

    math_workers: Annotated[int, Field(ge=0, le=256)] = Field(default_factory=lambda: os.cpu_count() or 1)
    """Math worker processes that `touchstone serve` starts."""
    code_workers: Annotated[int, Field(ge=0, le=256)] = Field(default_factory=lambda: os.cpu_count() or 1)
    """Code worker processes that `touchstone serve` starts."""
    judge_workers: Annotated[int, Field(ge=0, le=256)] = 1
    """Judge worker processes that `touchstone serve` starts where a judge is configured; one asks many at once."""
    judges: dict[JudgeName, JudgeSettings] = Field(default_factory=dict)
    """The judges of `preference` tasks by name, the first being the default: tables [judges.NAME] of the TOML file, or
    JSON. docs/judges.md has one to paste for each server."""

    body_bytes_max: Annotated[int, Field(ge=1024, le=2**31)] = 32 * MIB
    """Size of a request's body; larger is 413."""
    items_max: Annotated[int, Field(ge=1, le=1_000_000)] = 4096
    """Items in a batch; more is 413."""
    completion_bytes_max: Annotated[int, Field(ge=1, le=2**31)] = MIB
    """Size of one completion in UTF-8; larger is 413."""
    task_bytes_max: Annotated[int, Field(ge=1, le=2**31)] = 8 * MIB
    """Size of one task in UTF-8; larger is 413."""
    body_seconds_max: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds a client may take to send its body; slower is 408."""

    deadline_default_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    """Seconds a batch may take when it names no `deadline_s`."""
    deadline_max_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    """The largest `deadline_s` accepted."""
    queue_items_max: Annotated[int, Field(ge=1)] = 100_000
    """Items of one queue waiting or under way in this API process; a batch that would pass it is 503."""
    queue_bytes_max: Annotated[int, Field(ge=1024)] = 1024 * MIB
    """Size of the items of all queues under way in this API process; a batch that would pass it is 503."""
    queue_chunks_max: Annotated[int, Field(ge=1)] = 50_000
    """Chunks waiting in one Redis queue, whoever sent them; past it a batch is 503."""
    linger_s: Annotated[float, Field(ge=0, le=1)] = 0.002
    """Seconds an item waits for company while few are under way, so that single-item requests share a chunk."""
    math_chunk_items_max: Annotated[int, Field(ge=1, le=4096)] = 64
    """Items of a math chunk at most."""
    code_chunk_items_max: Annotated[int, Field(ge=1, le=4096)] = 1
    """Items of a code chunk, at most. One: a program takes many times what a chunk costs, and the next must not wait
    behind one that never ends while another worker is free."""
    judge_chunk_items_max: Annotated[int, Field(ge=1, le=4096)] = 16
    """Items of a judge chunk at most."""

    job_bytes_max: Annotated[int, Field(ge=1024)] = 1024 * MIB
    """Size of a job's input; larger is 413."""
    job_items_max: Annotated[int, Field(ge=1)] = 1_000_000
    """Items of a job; more is 413."""
    jobs_open_max: Annotated[int, Field(ge=1)] = 1000
    """Jobs whose input arrives or whose items are not all graded; one more is 503."""
    job_seconds_max: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds a client may take to send a job's input; slower is 408."""
    job_ttl_s: Annotated[int, Field(ge=60)] = 7 * 86_400
    """Seconds a job, its input and its results are kept, from its acceptance."""
    job_wait_max_s: Annotated[float, Field(ge=0, le=600)] = 60.0
    """The longest `wait_s` of a look at a job."""

    cache_bytes_max: Annotated[int, Field(ge=0)] = 256 * MIB
    """Size of the caches of each API process, for verdicts and whole answers; 0 switches them off, and with them what
    workers remember of runs."""
    cache_ttl_s: Annotated[float, Field(gt=0, le=604_800)] = 3600.0
    """Seconds a verdict, or a whole answer, is kept in its cache."""

    lease_s: Annotated[float, Field(ge=1, le=600)] = 9.0
    """Seconds without a sign of life after which a worker's chunk is given to another."""
    deliveries_max: Annotated[int, Field(ge=1, le=10)] = 3
    """Times an item is handed to a worker before it ends as `error`."""
    math_item_seconds_max: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds after which a math item that holds its worker ends that worker: a backstop, bounds inside are tighter."""
    code_item_seconds_max: Annotated[float, Field(gt=0, le=86_400)] = 900.0
    """The same for a code item, whose tests may be many."""
    result_ttl_s: Annotated[int, Field(ge=60)] = 3600
    """Seconds that results nobody fetched stay in Redis."""

    test_time_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    """Processor seconds of one test when the task names none."""
    test_memory_bytes: Annotated[int, Field(ge=16 * MIB)] = 512 * MIB
    """Memory of one test when the task names none."""
    test_output_bytes: Annotated[int, Field(ge=1)] = 8 * MIB
    """Output of one test when the task names none."""
    test_processes: Annotated[int, Field(ge=1, le=4096)] = 64
    """Processes of one test when the task names none."""

    run_seconds_max: Annotated[float, Field(gt=0, le=300)] = 60.0
    """Seconds that a caller of /run_code or Piston's /execute may ask for, for the compiler and for the run each."""
    run_memory_bytes_max: Annotated[int, Field(ge=16 * MIB)] = 4096 * MIB
    """Memory that such a caller may ask for; a jail has no more than 4 GiB to give."""
    compat_wait_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds that a request in another service's format is held while the queue is full, since most of its callers
    take no notice of Retry-After; then it is 503. One whose caller never tries again is held to its deadline."""
    compat_waiting_max: Annotated[int, Field(ge=0)] = 1000
    """Such requests held at once; one more is 503 at once."""

    profiles: dict[str, Any] = Field(default_factory=dict)
    """Recipes of your own, as tables `[profiles.NAME]` of the TOML file (docs/rewards.md); JSON in the environment."""
    profiles_path: Path | None = None
    """A TOML file, or a folder of them, with more tables `[profiles.NAME]`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the log lines written."""
    stop_grace_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """Seconds that requests and chunks under way get to finish when the service is asked to stop."""

    def chunk_items_max(self, queue: str) -> int:
        """Items of a chunk of a queue at most."""
        return {
            "math": self.math_chunk_items_max,
            "code": self.code_chunk_items_max,
            "judge": self.judge_chunk_items_max,
        }[queue]

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(key.strip() for key in value.split(",") if key.strip())
        return value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.api_keys and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached from outside, so TOUCHSTONE_API_KEYS must name at least one key"
            )
        if len(_JUDGES.dump_json(self.judges)) > JUDGES_BYTES_MAX:
            raise ValueError(f"judges: all tables together may have {JUDGES_BYTES_MAX} bytes")
        if self.redis_url is not None:
            from app import address  # Here, since commands that need no store should not wait for its client.

            address.check(self.redis_url.get_secret_value())
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the TOML file that TOUCHSTONE_CONFIG names."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if path := os.environ.get("TOUCHSTONE_CONFIG"):
            if not Path(path).is_file():
                raise ValueError(f"TOUCHSTONE_CONFIG names {path}, which is not a file")
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=path),)
        return sources


def is_loopback(host: str) -> bool:
    """True when only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def as_environment(settings: Settings, **changes: Any) -> dict[str, str]:
    """The settings as variables for a child process, with `changes` on top.

    Returns: names and values that make Settings() in the child equal to this one, changes aside.
    """
    values = settings.model_copy(update=changes)
    environment = {}
    for name in Settings.model_fields:
        value = getattr(values, name)
        if value is None:
            continue
        if name == "profiles":
            value = json.dumps(value, default=str)
        elif name == "api_keys":
            value = ",".join(key.get_secret_value() for key in value)
        elif isinstance(value, SecretStr):
            value = value.get_secret_value()
        elif name == "judges":
            value = _JUDGES.dump_json(value).decode()
        environment[f"TOUCHSTONE_{name.upper()}"] = str(value)
    return environment
