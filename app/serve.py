"""`touchstone serve`: everything on one machine. Store, API and workers as child processes, tended until a signal."""

import contextlib
import signal
import socket
import threading
from types import FrameType

import httpx
import structlog
from rich.console import Console

from app.judges import Panel
from app.processes import Family
from app.settings import Settings, as_environment
from app.store import EmbeddedStore

_log = structlog.get_logger()

READY_S = 120.0
"""Seconds the parts get to become ready; opening warm jails takes most of it."""


def serve(settings: Settings, console: Console) -> int:
    """Run until SIGINT or SIGTERM.

    Returns: the exit status: 0 after an asked-for stop, 1 when the parts did not become ready.
    """
    settings = settings.model_copy(update={"port": _free_port(settings)})
    Panel(settings.judges)  # A missing key is said here, and not by a worker that falls again and again.
    asked: list[int] = []
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        # No more than this: a handler that set the event would wait for ever for a lock that the code it interrupts
        # holds, whenever that is the event's own waiting.
        asked.append(signum)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    with contextlib.ExitStack() as exits:
        store = None
        changes: dict[str, object] = {}
        if settings.redis_url is None:
            store = exits.enter_context(EmbeddedStore(settings))
            changes["redis_url"] = store.url
        family = Family(as_environment(settings, **changes))
        # Stopped in this order: no new requests, then the workers finish what they hold, then the store.
        exits.callback(family.stop, "", settings.stop_grace_s)
        exits.callback(family.stop, "api", settings.stop_grace_s)
        for index in range(settings.math_workers):
            family.start(f"math-{index}", ["worker", "--queue", "math"])
        for index in range(settings.code_workers):
            family.start(f"code-{index}", ["worker", "--queue", "code"])
        for index in range(settings.judge_workers if settings.judges else 0):
            family.start(f"judge-{index}", ["worker", "--queue", "judge"])
        family.start("api", ["api"])
        greeter = threading.Thread(target=_greet, args=(settings, console, stop), daemon=True)
        greeter.start()
        family.tend(lambda: bool(asked), also=store.tend if store else lambda: None)
        stop.set()
        console.print("stopping…")
    return 0


def _free_port(settings: Settings) -> int:
    """The port to use, and at once an error when it is taken, instead of an API that starts again and again.

    Raises: ValueError.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            return int(probe.getsockname()[1])
        except OSError as error:
            raise ValueError(
                f"{settings.host}:{settings.port} cannot be used ({error.strerror}); set TOUCHSTONE_PORT"
            ) from None


def _greet(settings: Settings, console: Console, stop: threading.Event) -> None:
    """Wait until ready, then say where the service is and how to talk to it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    key = next(iter(settings.api_keys), None)
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=5, trust_env=False) as client:
        for _ in range(int(READY_S / 0.1)):
            with contextlib.suppress(httpx.HTTPError):
                ready = client.get("/readyz")
                if ready.status_code == 200:
                    break
            if stop.wait(0.1):
                return
        else:
            console.print("[red]not ready[/]: see the log lines above and `touchstone doctor`")
            return
    isolation = " and ".join(ready.json()["checks"]["code_workers"].get("isolation", []))
    auth = " -H 'Authorization: Bearer KEY'" if key else ""
    console.print(f"Touchstone is ready on {url}  (docs: {url}/docs, metrics: {url}/metrics)", soft_wrap=True)
    console.print(f"Code runs behind {isolation}.", soft_wrap=True)
    console.print("Try it:", soft_wrap=True)
    console.print(
        f"""  curl -s {url}/v1/grade{auth} -H 'Content-Type: application/json' -d '{EXAMPLE}'""",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


EXAMPLE = (
    '{"profile": "r1-zero", "items": [{"prompt": "What is 1/2 + 1/4?", '
    '"completion": "<think>Halves and quarters.</think><answer>\\\\boxed{3/4}</answer>", '
    '"task": {"kind": "math", "answer": "\\\\frac{3}{4}"}}]}'
)
"""A request that fits in a shell line."""
