"""The composition that users get, brought up once by a real engine under a project name of its own, and down again."""

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.e2e.batches import Case

ROOT = Path(__file__).parents[2]
READY_S = 120
DOCKER = os.environ.get("DOCKER", "docker")


def run(*command: str, env: dict[str, str] | None = None, timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
    """A command's end, in the project's folder; not checked."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=ROOT, env=env, input=""
    )


def docker(*arguments: str) -> str:
    """What a docker command printed; its failure is the test's."""
    ended = run(DOCKER, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def compose_command() -> list[str]:
    """`docker compose` where the client has it, else docker-compose 1.29."""
    if run(DOCKER, "compose", "version").returncode == 0:
        return [DOCKER, "compose"]
    if path := shutil.which("docker-compose"):
        return [path]
    pytest.skip("missing service: neither docker compose nor docker-compose on this machine")


def free_address() -> str:
    """An address on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass(frozen=True, slots=True)
class Composition:
    """A running composition."""

    project: str
    url: str
    prometheus_url: str
    key: str
    command: Sequence[str]
    environment: dict[str, str] = field(repr=False)

    def compose(self, *arguments: str) -> str:
        """What a compose command printed; its failure is the test's."""
        ended = run(*self.command, "-p", self.project, *arguments, env=self.environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def containers(self, service: str) -> list[str]:
        """Names of a service's running containers."""
        filters = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}"]
        listed = docker("ps", "--format", "{{.Names}}", "--filter", filters[0], "--filter", filters[1])
        return sorted(listed.split())

    def client(self) -> httpx.Client:
        """A client with the key, and no proxy of the machine's between."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=600, trust_env=False
        )

    def grade_items(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Post the items as one batch; checks that each came back exactly once and in order."""
        with self.client() as client:
            answer = client.post("/v1/grade", json={"items": items})
        assert answer.status_code == 200, answer.text[:2000]
        results: list[dict[str, Any]] = answer.json()["results"]
        assert [result["index"] for result in results] == list(range(len(items)))
        assert [result["id"] for result in results] == [item["id"] for item in items]
        return results

    def grade(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        """The same for cases."""
        return self.grade_items([case.item for case in cases])

    def ready(self, within_s: float = READY_S) -> None:
        """Wait until /readyz says so: the composition tells nobody else."""
        until = time.monotonic() + within_s
        said = "nothing"
        with self.client() as client:
            while time.monotonic() < until:
                with contextlib.suppress(httpx.HTTPError):
                    answer = client.get("/readyz", timeout=5)
                    said = answer.text
                    if answer.status_code == 200:
                        return
                time.sleep(0.1)
        pytest.fail(f"not ready in {within_s} s; /readyz said {said}\n{self.compose('logs', '--tail', '40')[-8000:]}")


def told(result: dict[str, Any]) -> str:
    """A result in a line."""
    verdict = result.get("verdict") or {}
    words = {key: result.get(key) for key in ("status", "invalid", "fault")}
    words |= {key: verdict.get(key) for key in ("outcome", "reason", "answer")}
    return json.dumps({key: word for key, word in words.items() if word})[:300]


def disagreements(cases: Sequence[Case], results: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each result that is not what is known about its item."""
    return [
        f"{case.item['id']}: wanted {sorted(case.right)}, got {told(result)}"
        for case, result in zip(cases, results, strict=True)
        if result["status"] != "graded" or result["verdict"]["outcome"] not in case.right
    ]


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What examples/acceptance.py makes of the shared data: rows of item and label, and judges of label and result."""

    script: ModuleType
    folder: Path

    def rows(self, name: str) -> list[dict[str, Any]]:
        """One of its sets, by its function's name."""
        return list(getattr(self.script, name)(self.folder))

    def disagreeing(self, rows: Sequence[dict[str, Any]], results: Sequence[dict[str, Any]], judge: str) -> list[str]:
        """A line for each result that the judge of that name does not find to be as labelled."""
        agrees = getattr(self.script, judge)
        return [
            f"{row['item']['id']}: label {row['label']}, got {told(result)}"
            for row, result in zip(rows, results, strict=True)
            if not agrees(row, result)
        ]


@pytest.fixture(scope="session")
def acceptance() -> Acceptance:
    """The acceptance script over the shared data; skips where the data is not laid beside the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data beside the project")
    spec = importlib.util.spec_from_file_location("acceptance", ROOT / "examples" / "acceptance.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return Acceptance(script, folder)


@pytest.fixture(scope="session")
def composition(request: pytest.FixtureRequest) -> Iterator[Composition]:
    """The whole of docker-compose.yml, ready; afterwards gone without a trace."""
    if shutil.which(DOCKER) is None or run(DOCKER, "version").returncode != 0:
        pytest.skip("missing service: no engine answers")
    command = compose_command()
    project = f"touchstone-e2e-{uuid.uuid4().hex[:8]}"
    api, prometheus, key = free_address(), free_address(), uuid.uuid4().hex
    socket_path = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    environment = os.environ | {
        "TOUCHSTONE_API_KEYS": f"{key},{uuid.uuid4().hex}",
        "TOUCHSTONE_PUBLISH": api,
        "PROMETHEUS_PUBLISH": prometheus,
        "DOCKER_SOCKET": str(socket_path),
        "DOCKER_GID": str(socket_path.stat().st_gid),
        "MATH_WORKERS": "2",
        "CODE_WORKERS": "2",
    }
    up = Composition(project, f"http://{api}", f"http://{prometheus}", key, command, environment)
    for image in ("TOUCHSTONE_IMAGE", "TOUCHSTONE_SANDBOX_IMAGE"):
        docker("image", "inspect", os.environ.get(image, f"{image.removesuffix('_IMAGE').lower().replace('_', '-')}"))
    try:
        up.compose("up", "-d")
        up.ready()
        yield up
        if request.session.testsfailed:
            print(up.compose("logs", "--no-color", "--tail", "60", "api", "math-worker", "code-worker"))
    finally:
        up.compose("down", "--volumes", "--timeout", "60")
    assert_gone(project)


def assert_gone(project: str) -> None:
    """Nothing of the project is left on the engine."""
    label = f"label=com.docker.compose.project={project}"
    assert docker("ps", "-aq", "--filter", label) == ""
    assert docker("volume", "ls", "-q", "--filter", label) == ""
    assert docker("network", "ls", "-q", "--filter", label) == ""
