"""What the composition promises, read from the file itself: no engine is needed to see that a promise was dropped."""

import re
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.deploy.conftest import ROOT

OURS = ("api", "math-worker", "code-worker")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yml, with anchors and merges resolved."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"])


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    """Its networks."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"])


def test_only_the_code_worker_reaches_the_engine(services: dict[str, Any]) -> None:
    """The engine's socket is root on the host: one service mounts it, and no other names it in any way."""
    holders = [name for name, service in services.items() if "docker.sock" in str(service)]
    assert holders == ["code-worker"]
    assert services["code-worker"]["environment"]["TOUCHSTONE_SANDBOX"] == "docker"


def test_the_store_is_on_a_network_without_a_way_out_and_publishes_nothing(
    services: dict[str, Any], networks: dict[str, Any]
) -> None:
    """Whoever reaches Redis can enqueue work, so only our own services are on its network."""
    assert services["redis"]["networks"] == ["store"]
    assert networks["store"]["internal"] is True
    assert "ports" not in services["redis"]
    assert {name for name, service in services.items() if "store" in service["networks"]} == {"redis", *OURS}


def test_workers_have_no_other_network_than_the_stores(services: dict[str, Any]) -> None:
    """A worker that was taken over finds no way to the outside."""
    assert all(services[name]["networks"] == ["store"] for name in ("math-worker", "code-worker"))


def test_published_ports_are_on_loopback_by_default(services: dict[str, Any]) -> None:
    """Opening the service to others is a decision that a variable records."""
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(re.fullmatch(r"\$\{[A-Z_]+:-127\.0\.0\.1:\d+\}:\d+", port) for port in published)


@pytest.mark.parametrize("name", OURS)
def test_our_services_have_no_privileges_and_write_to_memory_only(services: dict[str, Any], name: str) -> None:
    """Each of them, since the promise is made of the image and not of one command."""
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service and "user" not in service
    assert service["restart"] == "unless-stopped"


def test_redis_keeps_what_it_acknowledged(services: dict[str, Any]) -> None:
    """An append-only file in a volume, and an error instead of an eviction when memory is short."""
    redis = services["redis"]
    command = redis["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert redis["volumes"] == ["redis-data:/data"]


def test_every_variable_of_ours_is_a_setting(services: dict[str, Any]) -> None:
    """A misspelt variable would be ignored in silence."""
    known = {f"TOUCHSTONE_{field.upper()}" for field in Settings.model_fields}
    given = {variable for name in OURS for variable in services[name]["environment"]}
    assert given <= known


def test_the_containers_get_longer_to_stop_than_the_service_takes(services: dict[str, Any]) -> None:
    """A batch under way is finished, or handed back, before the engine kills what is left."""
    grace_s = Settings.model_fields["stop_grace_s"].default
    assert all(int(services[name]["stop_grace_period"].removesuffix("s")) > grace_s for name in OURS)


def test_a_key_must_be_named(services: dict[str, Any]) -> None:
    """The API listens on every address of its container, so there is no default key to forget about."""
    assert services["api"]["environment"]["TOUCHSTONE_HOST"] == "0.0.0.0"
    assert ":?" in services["api"]["environment"]["TOUCHSTONE_API_KEYS"]


def test_prometheus_scrapes_the_port_that_the_api_listens_on(services: dict[str, Any]) -> None:
    """Two files name the same address and the same file of the key."""
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"]
    ours = next(job for job in jobs if job["job_name"] == "touchstone")
    assert ours["static_configs"] == [{"targets": [f"api:{services['api']['environment']['TOUCHSTONE_PORT']}"]}]
    assert ours["authorization"]["credentials_file"] in services["prometheus"]["command"][0]
    assert set(services["prometheus"]["networks"]) & set(services["api"]["networks"])


def test_every_image_can_be_exchanged(services: dict[str, Any]) -> None:
    """A private registry's name is a variable away."""
    assert all(re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-[a-z0-9./:-]+\}", each["image"]) for each in services.values())
