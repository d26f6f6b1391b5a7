"""The store behind TLS, and behind Sentinels that name another one when it dies."""

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.app.conftest import math_item
from tests.parts import SERVER, around, store, until
from tests.processes import free_port

pytestmark = pytest.mark.slow


def items(count: int) -> list[dict[str, Any]]:
    """Items that are right, and that no cache knows."""
    salt = time.monotonic_ns()
    return [math_item(f"\\boxed{{{salt + n}}}", str(salt + n)) for n in range(count)]


def certificate(folder: Path) -> Path:
    """A self-made certificate for 127.0.0.1, with its key in the same file."""
    path = folder / "store.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=store", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", str(path), "-out", str(folder / "cert.pem")], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "cert.pem").read_bytes())
    return path


@contextmanager
def behind_tls(port: int, pem: Path) -> Iterator[int]:
    """A TLS end before a store that has none of its own, as stunnel is. Yields: its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    loop = asyncio.new_event_loop()
    bound: list[int] = []
    ready = threading.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            writer.close()
            return
        await asyncio.gather(pump(reader, to_there), pump(there, writer))

    servers: list[asyncio.Server] = []

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        bound.append(server.sockets[0].getsockname()[1])
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(main()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield bound[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        servers[0].close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()


@pytest.mark.timeout(300)
def test_a_store_over_tls(tmp_path: Path) -> None:
    """rediss:// with the certificate's authority: requests and jobs; without it nothing is trusted."""
    port, pem = free_port(), certificate(tmp_path)
    with behind_tls(port, pem) as tls:
        plain = f"rediss://127.0.0.1:{tls}/0"
        with around(tmp_path, f"{plain}?ssl_ca_certs={tmp_path / 'cert.pem'}") as parts:
            store(parts, port)
            api, _ = parts.api("api"), parts.worker("worker")
            parts.until_ready(api, 1)
            response = httpx.post(api.url + "/v1/grade", json={"items": items(200)}, timeout=60)
            assert {row["reward"] for row in response.json()["results"]} == {1.0}
            job = httpx.post(api.url + "/v1/jobs", json={"items": items(100)}, timeout=60).json()["id"]
            view = httpx.get(f"{api.url}/v1/jobs/{job}", params={"wait_s": 50}, timeout=60).json()
            assert view["counts"]["graded"] == 100
            stranger = parts.worker("stranger", TOUCHSTONE_REDIS_URL=plain)
            assert stranger.process.wait(60) != 0
            assert "CERTIFICATE_VERIFY_FAILED" in stranger.said


@pytest.mark.timeout(300)
def test_a_primary_that_dies_is_followed_to_its_replica(tmp_path: Path) -> None:
    """Sentinels promote the replica; API and workers go there by themselves, and what it had is still there."""
    first, second, watch = free_port(), free_port(), free_port()
    with around(tmp_path, f"redis+sentinel://127.0.0.1:{watch}/main/0", lease_s=3, cache_bytes_max=0) as parts:
        primary = store(parts, first)
        store(parts, second, "--replicaof", "127.0.0.1", str(first))
        conf = tmp_path / "sentinel.conf"
        conf.write_text(
            f"port {watch}\nbind 127.0.0.1\ndir {tmp_path}\nsentinel monitor main 127.0.0.1 {first} 1\n"
            "sentinel down-after-milliseconds main 1500\nsentinel failover-timeout main 5000\n"
        )
        parts.start("sentinel", [SERVER, str(conf), "--sentinel"])
        with redis.Redis(port=watch) as sentinel:
            until(lambda: len(_replicas(sentinel)) == 1, 30)
        api, worker = parts.api("api"), parts.worker("worker")
        parts.until_ready(api, 1)
        lines = {"items": items(500)}
        job = httpx.post(api.url + "/v1/jobs", json=lines, headers={"Idempotency-Key": "k"}, timeout=60).json()["id"]
        until(lambda: httpx.get(f"{api.url}/v1/jobs/{job}", timeout=10).json()["state"] == "finished", 60)
        with redis.Redis(port=second) as replica:
            until(lambda: replica.exists(f"touchstone:job:{job}") == 1, 10)
        primary.kill()
        until(lambda: _graded(api.url) == 50, 60, lambda: api.said + worker.said)
        again = httpx.post(api.url + "/v1/jobs", json=lines, headers={"Idempotency-Key": "k"}, timeout=60)
        assert (again.status_code, again.json()["id"]) == (202, job)
        with redis.Redis(port=second) as promoted:
            assert promoted.info("replication")["role"] == "master"
        assert worker.process.poll() is None
        assert api.process.poll() is None


def _replicas(sentinel: "redis.Redis") -> list[Any]:
    try:
        return list(sentinel.execute_command("SENTINEL", "REPLICAS", "main"))
    except redis.RedisError:
        return []


def _graded(url: str) -> int:
    """Items of a batch of fifty that are graded; 0 where it is refused."""
    response = httpx.post(url + "/v1/grade", json={"items": items(50), "deadline_s": 10}, timeout=60)
    if response.status_code == 503:
        return 0
    return sum(row["status"] == "graded" for row in response.json()["results"])
