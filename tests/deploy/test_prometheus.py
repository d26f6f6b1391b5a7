"""Debian's Prometheus, for real: it takes our configuration, scrapes us with our key, and answers a query."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.conftest import ROOT, Service

Program = Callable[[str], str]

RIGHT = {"completion": r"so it is \boxed{3/4}", "task": {"kind": "math", "answer": r"\frac{3}{4}"}}
WRONG = {"completion": r"so it is \boxed{2/3}", "task": {"kind": "math", "answer": r"\frac{3}{4}"}}


def fetch(url: str, *, key: str = "", body: Any = None) -> bytes:
    """The body of an answer; an HTTP error raises."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
        return bytes(answer.read())


def run(*command: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A program's end; not checked."""
    return subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)


@contextmanager
def prometheus(program: str, folder: Path, service: Service, key: str) -> Iterator[str]:
    """A Prometheus with deploy/prometheus.yml, where only the addresses and the place of the key are exchanged."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "scrape-key").write_text(key)
    config = folder / "prometheus.yml"
    text = config.read_text()
    for ours, theirs in {
        "api:8000": service.address,
        "127.0.0.1:9090": address,
        "/run/touchstone/scrape-key": str(folder / "scrape-key"),
        "scrape_interval: 5s": "scrape_interval: 1s",
        "scrape_timeout: 4s": "scrape_timeout: 1s",
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    config.write_text(text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def query(url: str, expression: str, *, within_s: float = 30) -> list[dict[str, Any]]:
    """The samples of an instant query, as soon as there are any; Prometheus tells nobody when it has scraped."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            answer = json.loads(fetch(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        except OSError:
            answer = {"data": {"result": []}}
        if answer["data"]["result"]:
            return list(answer["data"]["result"])
        time.sleep(0.1)
    return []


def test_prometheus_scrapes_what_was_graded_and_answers_a_query(
    program: Program, service: Service, deploy_folder: Path
) -> None:
    """The counters of a batch can be asked for in Prometheus, which was given the service's key by file."""
    answer = json.loads(fetch(f"{service.url}/v1/grade", key=service.key, body={"items": [RIGHT, RIGHT, WRONG]}))
    assert answer["summary"]["correct"] == 2
    with prometheus(program("prometheus"), deploy_folder, service, service.key) as url:
        samples = query(url, 'touchstone_items_total{kind="math",status="graded"}')
        up = query(url, 'up{job="touchstone"}')
        alerts = json.loads(fetch(f"{url}/api/v1/rules"))["data"]["groups"][0]["rules"]
    assert {sample["metric"]["outcome"]: sample["value"][1] for sample in samples} == {"correct": "2", "wrong": "1"}
    assert [sample["value"][1] for sample in up] == ["1"]
    assert len(alerts) >= 8


def test_prometheus_with_a_wrong_key_sees_the_service_as_down(
    program: Program, service: Service, deploy_folder: Path
) -> None:
    """The series are not for everybody: without the key Prometheus gets none, and says why."""
    with prometheus(program("prometheus"), deploy_folder, service, "not the key") as url:
        up = query(url, 'up{job="touchstone"}')
        targets = json.loads(fetch(f"{url}/api/v1/targets?state=active"))["data"]["activeTargets"]
        samples = json.loads(fetch(f"{url}/api/v1/query?query=touchstone_workers"))["data"]["result"]
    assert [sample["value"][1] for sample in up] == ["0"]
    assert [target["lastError"] for target in targets if target["labels"]["job"] == "touchstone"] == [
        "server returned HTTP status 403 Forbidden"
    ]
    assert samples == []


def test_promtool_finds_nothing_to_say_about_the_metrics(program: Program, service: Service) -> None:
    """Names, units, types and help texts are as Prometheus's own linter wants them."""
    fetch(f"{service.url}/v1/grade", key=service.key, body={"items": [RIGHT, WRONG]})
    text = fetch(f"{service.url}/metrics", key=service.key)
    assert b"touchstone_items_total{" in text
    linted = run(program("promtool"), "check", "metrics", text=text)
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")


def test_promtool_accepts_configuration_and_rules(program: Program, deploy_folder: Path) -> None:
    """The shipped files are valid as they are; only the key's file belongs to the running container."""
    checked = run(program("promtool"), "check", "config", "--syntax-only", str(deploy_folder / "prometheus.yml"))
    assert checked.returncode == 0, checked.stderr
    rules = run(program("promtool"), "check", "rules", str(deploy_folder / "alerts.yml"))
    assert rules.returncode == 0, rules.stderr


def test_each_alert_fires_when_it_should_and_only_then(program: Program, deploy_folder: Path) -> None:
    """The scenarios of alerts_test.yml: one healthy, one idle, and one for each alert."""
    scenarios = shutil.copy(Path(__file__).with_name("alerts_test.yml"), deploy_folder)
    tested = run(program("promtool"), "test", "rules", str(scenarios))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_leads_to_a_chapter_that_exists() -> None:
    """Whoever is woken by an alert finds what to do, under the heading the alert names."""
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())["groups"][0]["rules"]
    runbook = (ROOT / "docs" / "operations.md").read_text()
    chapters = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)
    }
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in chapters
        assert f"`{rule['alert']}`" in runbook


def test_each_series_that_alerts_and_dashboard_use_exists(service: Service, deploy_folder: Path) -> None:
    """A renamed series would leave an alert that never fires and an empty panel."""
    fetch(f"{service.url}/v1/grade", key=service.key, body={"items": [RIGHT]})
    known = set(
        re.findall(r"^# TYPE (touchstone_\w+) ", fetch(f"{service.url}/metrics", key=service.key).decode(), re.M)
    )
    texts = (deploy_folder / "alerts.yml").read_text() + (deploy_folder / "dashboard.json").read_text()
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"touchstone_\w+(?=[{\[)]| )", texts)}
    assert len(used) >= 6
    assert used - known == set()


def test_every_question_of_the_dashboard_is_understood(program: Program, service: Service, deploy_folder: Path) -> None:
    """Prometheus itself parses each panel's expression and answers it, after a batch has been graded."""
    fetch(f"{service.url}/v1/grade", key=service.key, body={"items": [RIGHT, WRONG]})
    panels = json.loads((deploy_folder / "dashboard.json").read_text())["panels"]
    questions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(questions) >= 12
    with prometheus(program("prometheus"), deploy_folder, service, service.key) as url:
        assert query(url, 'up{job="touchstone"}')
        for question in questions:
            asked = question.replace("$__rate_interval", "1m").replace("$instance", ".*")
            answer = json.loads(fetch(f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": asked})))
            assert answer["status"] == "success"
