"""Warm jails, lent to one candidate at a time: the real Runner.

Theory of operation. A keeper thread makes jails and closes them, so that nobody waits for either on the way to a
verdict. A candidate borrows a jail for its life; given back, the jail is checked and lent again, or replaced after so
many candidates or any anomaly (a stray process, a frame out of turn, a run that could not be set up). A run holds one
of the host's admission slots while it goes on. What fails through us is tried again on another jail, a bounded number
of times, and then raised.

`open_runner` chooses the kind of jail. There is no unisolated kind.
"""

import collections
import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sandbox.admission import Admission
from sandbox.bubblewrap_jail import BubblewrapJail, find_bubblewrap, find_toolchains
from sandbox.cgroup import sweep_cgroups
from sandbox.docker_jail import DockerJail, Walls, ask_engine, sweep_containers
from sandbox.errors import JailLost, JailUnavailable, LanguageUnavailable, SandboxFault, SeparationRefused
from sandbox.jail import Jail
from sandbox.languages import Placed, place, read_languages
from sandbox.lease import Lease, sweep_leases
from sandbox.limits import COMPILE_LIMITS, MIB, Limits
from sandbox.protocol import STARVED_FACTOR, Frame
from sandbox.run import Ended, Program, Run, RunOutcome
from sandbox.session import RunRefused, Session, WardenLost, check_run
from sandbox.staging import agent_digest, default_cache, stage_agent, stage_header

CANDIDATES_PER_JAIL = 200
JAIL_MEMORY_BYTES = 4096 * MIB

_JAIL_OVERHEAD_BYTES = 512 * MIB  # The agent, its zygotes, and the files of a program; beyond what a run may use.
_BIRTH_S = 60.0
_LEND_S = 600.0
_TRIES = 3
_OUTAGE_S = 10.0  # How long a lost engine is waited for; a restart takes a few seconds.
_OUTAGE_PAUSES_S = (0.1, 0.2, 0.5, 1.0)
_CHECK_EVERY_S = 60.0
_CHUNK_RUNS_MAX = 16
_CHUNK_BYTES_MAX = 16 * MIB
_QUICK_S = 0.02
_MESSAGE_BYTES_MAX = 64 * MIB
_SIGKILL = 9


_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Warm:
    """A jail of the pool, and how worn it is."""

    session: Session
    candidates: int = 0
    checked: float = 0.0
    is_first: bool = False  # Lent to a thread that held no other.


class Keeper:
    """The thread that makes and closes jails, for as long as the pool lives.

    One thread for all of it, because bubblewrap dies with the thread that started it.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="jail-keeper", daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[], None]) -> None:
        """Do this soon."""
        self._work.put(work)

    def finish(self) -> None:
        """Do what was asked, then end."""
        self._work.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class JailPool:
    """Warm jails by number. `lend` gives one, `give_back` takes it in again."""

    def __init__(self, make: Callable[[], Jail], jails: int, candidates_per_jail: int) -> None:
        """Make the first jail now, the rest in the background.

        Args:
            make: starts a jail.
            jails: how many are kept warm, at least 1; a thread that holds one may make the pool grow to twice that.
            candidates_per_jail: after so many a jail is replaced.
        Raises: JailUnavailable when not even one can be started.
        """
        self._make = make
        self._jails = jails
        self._candidates_per_jail = candidates_per_jail
        self._changed = threading.Condition()
        self._idle: list[_Warm] = []
        self._total = 0
        self._failure: SandboxFault | None = None
        self._failing_since: float | None = None
        self._patient = False  # Until the first jail works, a failure is told at once.
        self._closed = False
        self._held = threading.local()
        self._turns: collections.deque[object] = collections.deque()
        self._firsts = 0
        self._keeper = Keeper()
        first: queue.SimpleQueue[SandboxFault | None] = queue.SimpleQueue()
        self._total += 1
        self._keeper.ask(lambda: first.put(self._add_jail()))
        failure = first.get()
        if failure is not None:
            self.close()
            raise failure if isinstance(failure, JailUnavailable) else JailUnavailable(str(failure)) from failure
        self._patient = True
        for _ in range(jails - 1):
            self._grow()
        with self._changed:
            session = self._idle[0].session
            self.isolation = session.jail.isolation + ("+landlock" if session.facts.get("landlock") else "")
            self.programs: Mapping[str, str] = self._idle[0].session.programs

    def lend(self) -> _Warm:
        """A jail for one candidate; waits for one.

        Raises: JailUnavailable when none can be made, or none came free in time.
        """
        held: int = getattr(self._held, "count", 0)
        deadline = time.monotonic() + _LEND_S
        while True:
            with self._changed:
                warm = self._next_idle(held, deadline)
            fresh = time.monotonic() - warm.checked < _CHECK_EVERY_S
            if _is_clean(warm) and warm.session.jail.is_silent() and (fresh or self._is_sound(warm)):
                warm.candidates += 1
                self._held.count = held + 1
                return warm
            with self._changed:
                self._firsts -= warm.is_first
            self._discard(warm)

    def _next_idle(self, held: int, deadline: float) -> _Warm:
        """An idle jail, when it is this thread's turn. Called with the lock held.

        First come, first served; but a thread that holds a jail goes before those that hold none, and no more threads
        hold one than there are jails to begin with, so that two threads never wait for each other's second.
        """
        ticket = object()
        if held:
            self._turns.appendleft(ticket)
        else:
            self._turns.append(ticket)
        grown = False
        try:
            while not (self._idle and self._turns[0] is ticket and (held or self._firsts < self._jails)):
                if self._closed:
                    raise JailUnavailable("the runner is closed")
                # Case 1: replacements keep failing: say why, and let the next caller try afresh.
                if self._failure is not None and self._total == 0:
                    failure, self._failure = self._failure, None
                    self._total += 1
                    self._keeper.ask(self._add_jail_quietly)
                    raise JailUnavailable(f"no jail can be started: {failure}") from failure
                # Case 2: a thread that holds a jail must not wait for itself.
                if held and not grown and not self._idle and self._total < 2 * self._jails:
                    grown = True
                    self._total += 1
                    self._keeper.ask(self._add_jail_quietly)
                # Case 3: all are lent, or on their way.
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise JailUnavailable(f"no jail came free in {_LEND_S:.0f} s")
            # The last one given back, unless it is still at its predecessor and another is not.
            ready = [warm for warm in self._idle if not warm.session.is_leaving]
            warm = (ready or self._idle)[-1]
            self._idle.remove(warm)
            warm.is_first = not held
            self._firsts += warm.is_first
            return warm
        finally:
            self._turns.remove(ticket)
            self._changed.notify_all()

    def give_back(self, warm: _Warm) -> None:
        """Take a jail in again, or have it replaced."""
        self._held.count = max(0, getattr(self._held, "count", 1) - 1)
        with self._changed:
            self._firsts -= warm.is_first
            warm.is_first = False
            self._changed.notify_all()
        if warm.session.broken or warm.candidates >= self._candidates_per_jail:
            self._discard(warm)
            return
        with self._changed:
            closed = self._closed
            surplus = self._total > self._jails and len(self._idle) >= self._jails
            if not closed and not surplus:
                self._idle.append(warm)
                self._changed.notify_all()
                return
            self._total -= 1
        if closed:  # The keeper has gone home.
            warm.session.jail.close()
        else:
            self._keeper.ask(warm.session.jail.close)

    def facts(self) -> list[dict[str, Any]]:
        """What the agents of the idle jails say of themselves (agent.Agent._facts)."""
        with self._changed:
            idle, self._idle = self._idle, []
        facts: list[dict[str, Any]] = []
        for warm in idle:
            with suppress(SandboxFault):
                warm.session.broken = not warm.session.is_clean()
                warm.session.send({"do": "ping"})
                facts.append(warm.session.expect("ping", _BIRTH_S).head)
            if warm.session.broken:
                self._discard(warm)
                continue
            with self._changed:
                self._idle.append(warm)
                self._changed.notify_all()
        return facts

    def close(self) -> None:
        """End every idle jail; lent ones end when they are given back."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            idle, self._idle = self._idle, []
            self._total -= len(idle)
            self._changed.notify_all()
        for warm in idle:
            self._keeper.ask(warm.session.jail.close)
        self._keeper.finish()

    def _grow(self) -> None:
        with self._changed:
            self._total += 1
        self._keeper.ask(self._add_jail_quietly)

    def _discard(self, warm: _Warm) -> None:
        """Off the hot path: the keeper closes the old one and makes a new one."""
        with self._changed:
            if self._closed:
                self._total -= 1
                closed = True
            else:
                closed = False
        if closed:
            warm.session.jail.close()
            return
        self._keeper.ask(self._add_jail_quietly)  # The new one first: someone may be waiting for it.
        self._keeper.ask(warm.session.jail.close)

    def _add_jail_quietly(self) -> None:
        self._add_jail()

    def _add_jail(self) -> SandboxFault | None:
        """In the keeper's thread: make a jail and prove it. Returns why it failed, None when it did not.

        An engine that was lost is waited for, since it may be on its way back, but only once for each loss: whoever
        asks for a jail after that hears at once what is wrong.
        """
        failure: SandboxFault | None = None
        tries = 0
        while True:
            with self._changed:
                if self._closed:
                    break
            try:
                warm = self._birth()
            except SandboxFault as fault:
                failure = fault
            except Exception as error:  # noqa: BLE001 - the keeper must live: its end would leave everyone waiting.
                _log.exception("a jail cannot be made")
                failure = JailUnavailable(f"a jail cannot be made: {error!r:.500}")
            else:
                if self._welcome(warm):
                    return None
                warm.session.jail.close()
                break
            tries += 1
            now = time.monotonic()
            if self._failing_since is None:
                self._failing_since = now
            if tries >= _TRIES and (not self._patient or now - self._failing_since >= _OUTAGE_S):
                break
            if self._patient:
                with self._changed:  # Closing the pool ends the pause.
                    self._changed.wait_for(
                        lambda: self._closed, _OUTAGE_PAUSES_S[min(tries, len(_OUTAGE_PAUSES_S)) - 1]
                    )
        with self._changed:
            self._total -= 1
            self._failure = failure or JailUnavailable("the runner is closed")
            self._changed.notify_all()
        return self._failure

    def _welcome(self, warm: _Warm) -> bool:
        with self._changed:
            if self._closed:
                return False
            self._failure = None
            self._failing_since = None
            self._idle.append(warm)
            self._changed.notify_all()
            lacking = self._total < self._jails
        if lacking:  # Some were given up while none could be made.
            self._grow()
        return True

    def _birth(self) -> _Warm:
        jail = self._make()
        session = Session(jail)
        try:
            session.greet(_BIRTH_S, [need for language in read_languages().values() for need in language.needs])
            if session.facts.get("digest") != agent_digest():
                raise JailUnavailable("the sandbox image is of another version: run `make sandbox-image`")
            warm = _Warm(session)
            sound = self._is_sound(warm, thorough=True)
        except RunRefused as error:
            jail.close()
            raise SeparationRefused(f"{error}; {how_to_separate(jail.runtime)}") from error
        except BaseException:
            jail.close()
            raise
        if not sound:
            jail.close()
            raise JailUnavailable(f"{jail.name} fails its canary")
        return warm

    def _is_sound(self, warm: _Warm, thorough: bool = False) -> bool:
        """Run programs with known ends; a jail that gets one wrong is not used."""
        warm.checked = time.monotonic()
        limits = Limits(cpu_s=5.0, wall_s=20.0)
        brief = Limits(cpu_s=0.05, wall_s=20.0)
        checks: list[tuple[bytes, Limits, tuple[Ended, int | None, bytes]]] = [
            (_CANARY_WORKS, limits, (Ended.EXITED, 0, b"42\n"))
        ]
        if thorough:
            checks.append((_CANARY_FAILS, limits, (Ended.EXITED, 3, b"no\n")))
            checks.append((_CANARY_SPINS, brief, (Ended.TIME_LIMIT, None, b"")))
        try:
            for source, bound, expected in checks:
                placed = place(Program("python", {"main.py": source}), read_languages()["python"])
                warm.session.open(placed, limits, "")
                warm.session.start(placed, Run(stdin=b"21\n"), bound)
                outcome, _ = warm.session.outcome(bound)
                found = (outcome.ended, outcome.exit_code, outcome.stdout)
                warm.session.leave()
                if not warm.session.is_clean() or found != expected:
                    return False
        except SandboxFault:
            if thorough:
                raise
            return False
        return True


def _is_clean(warm: _Warm) -> bool:
    try:
        return warm.session.is_clean()
    except SandboxFault:
        return False


_CANARY_WORKS = b"print(2 * int(input()))\n"
_CANARY_FAILS = b"import sys\nprint('no')\nsys.exit(3)\n"
_CANARY_SPINS = b"while True: pass\n"


class PooledRunner:
    """The Runner of runner.py over a pool of warm jails."""

    def __init__(
        self,
        pool: JailPool,
        admission: Admission,
        memory_bytes: int = JAIL_MEMORY_BYTES,
        after_close: Callable[[], None] = lambda: None,
        lacks: str = "",
    ) -> None:
        """Args:
        memory_bytes: what a jail can give; a task that asks for more cannot be judged here.
        after_close: called once, when the jails are gone.
        lacks: what a better jail would need, and how to get it; "" when this is the best there is.
        """
        self.lacks = lacks
        self._after_close = after_close
        self._pool = pool
        self._admission = admission
        self._memory_bytes = memory_bytes
        self._process = os.getpid()
        self._languages = frozenset(
            language.name
            for language in read_languages().values()
            if all(need in pool.programs for need in language.needs)
        )

    @property
    def isolation(self) -> str:
        """What is in force."""
        return self._pool.isolation

    @property
    def languages(self) -> frozenset[str]:
        """The languages whose commands the jails have."""
        return self._languages

    @contextmanager
    def open(self, program: Program, compile_limits: Limits | None = None) -> Iterator["PooledCandidate"]:
        """See runner.Runner.

        Raises: also ValueError for file names that would leave the work folder.
        """
        if os.getpid() != self._process:
            raise SandboxFault("a runner cannot be shared with a forked process")
        language = read_languages().get(program.language)
        if language is None or language.name not in self._languages:
            raise LanguageUnavailable(f"no jail has {program.language!r}")
        if compile_limits is None:
            compile_limits = COMPILE_LIMITS
            if language.compile_cpu_s is not None:
                compile_limits = replace(compile_limits, cpu_s=language.compile_cpu_s)
        placed = place(program, language)
        candidate = PooledCandidate(self._pool, self._admission, placed, compile_limits, self._memory_bytes)
        try:
            yield candidate
        finally:
            candidate.close()

    def facts(self) -> list[dict[str, Any]]:
        """One mapping per idle jail: its agent's descriptors, memory, folders, mounts, stray processes."""
        return self._pool.facts()

    def close(self) -> None:
        """End every jail."""
        if os.getpid() == self._process:
            self._pool.close()
            self._after_close()


class PooledCandidate:
    """A program in a borrowed jail; borrows another when the first is lost."""

    def __init__(
        self, pool: JailPool, admission: Admission, placed: Placed, compile_limits: Limits, memory_bytes: int
    ) -> None:
        self._pool = pool
        self._admission = admission
        self._placed = placed
        self._compile_limits = compile_limits
        self._memory_bytes = memory_bytes
        self._warm: _Warm | None = None
        self._talking = False
        digest = hashlib.sha256(repr((placed.language.compile, placed.main, compile_limits)).encode())
        for name in sorted(placed.files):
            digest.update(f"\0{name}\0{len(placed.files[name])}\0".encode() + placed.files[name])
        self._key = digest.hexdigest() if placed.language.compile else ""
        self._compiled = self._open()

    @property
    def compiled(self) -> RunOutcome | None:
        """See runner.Candidate."""
        return self._compiled

    def run(self, runs: Sequence[Run], limits: Limits) -> Iterator[RunOutcome]:
        """See runner.Candidate. Runs go in growing bunches while they are quick, so that waiting costs less."""
        bounded = replace(limits, memory_bytes=min(limits.memory_bytes, self._memory_bytes))
        self._check_ready()
        for run in runs:
            check_run(run)
        done = 0
        bunch = 1
        tries = 0
        while done < len(runs):
            chunk = _take_chunk(runs, done, bunch)
            outcomes: list[RunOutcome] = []
            try:
                started = time.monotonic()
                with self._admission.slot():
                    delays = self._run_chunk(chunk, bounded, outcomes)
                elapsed = time.monotonic() - started
                bunch = min(2 * bunch, _CHUNK_RUNS_MAX) if elapsed < _QUICK_S * len(chunk) else 1
                tries = 0
                for index, (outcome, delay_s) in enumerate(zip(outcomes, delays, strict=True)):
                    if _is_suspicious(outcome, bounded, delay_s):
                        outcomes[index] = self._repeat_alone(chunk[index], bounded)
            except SandboxFault as fault:
                # What has ended has ended; the run that was under way is tried again in a fresh jail.
                tries = 1 if outcomes else tries + 1
                bunch = 1
                self._reopen()
                if tries >= _TRIES or not isinstance(fault, JailLost | WardenLost):
                    if not isinstance(fault, WardenLost):
                        raise
                    # The same run ends every warden: that is the program's doing, and it ends as if killed.
                    outcomes.append(RunOutcome(ended=Ended.SIGNALLED, signal=_SIGKILL))
                    tries = 0
            for outcome in outcomes:
                if outcome.ended is Ended.MEMORY_LIMIT and bounded.memory_bytes < limits.memory_bytes:
                    raise SandboxFault("the task allows more memory than the sandbox has")
                yield outcome
            done += len(outcomes)

    @contextmanager
    def talk(self, run: Run, limits: Limits) -> Iterator["PooledConversation"]:
        """See runner.Candidate."""
        self._check_ready()
        bounded = replace(limits, memory_bytes=min(limits.memory_bytes, self._memory_bytes))
        with self._admission.slot():
            warm = self._borrowed()
            self._talking = True
            try:
                warm.session.start(self._placed, run, bounded, talk=True)
                warm.session.flush()
                conversation = PooledConversation(warm.session, bounded)
                try:
                    yield conversation
                finally:
                    if not warm.session.broken:
                        with suppress(SandboxFault):
                            conversation.finish(kill=True)
            finally:
                self._talking = False
                if warm.session.broken:
                    with suppress(SandboxFault):
                        self._reopen()

    def close(self) -> None:
        """Give the jail back, with nothing of the program in it."""
        warm, self._warm = self._warm, None
        if warm is None:
            return
        try:
            if not warm.session.broken:
                warm.session.leave()  # Should something survive, the jail goes before anybody has it.
        except SandboxFault:
            warm.session.broken = True
        self._pool.give_back(warm)

    def _check_ready(self) -> None:
        if self._talking:
            raise SandboxFault("a conversation is under way")
        if self._compiled is not None and not self._compiled.exited_zero:
            raise SandboxFault("a program that did not compile cannot run")

    def _borrowed(self) -> _Warm:
        if self._warm is None:
            self._reopen()
        if self._warm is None:
            raise SandboxFault("the candidate is closed")
        return self._warm

    def _open(self) -> RunOutcome | None:
        """Borrow a jail and compile; on a lost jail once more on another."""
        failure: SandboxFault | None = None
        for _ in range(_TRIES):
            self._warm = self._pool.lend()
            try:
                # Only a compiler is a load.
                with self._admission.slot() if self._placed.language.compile else nullcontext():
                    return self._warm.session.open(self._placed, self._compile_limits, self._key)
            except SandboxFault as fault:
                failure = fault
                self._warm.session.broken = True
                self.close()
            except BaseException:
                self._warm.session.broken = True
                self.close()
                raise
        if isinstance(failure, WardenLost):
            raise JailLost("the compiler ends every warden") from failure
        raise failure or SandboxFault("not opened")

    def _reopen(self) -> None:
        """A fresh jail with the same program, compiled again."""
        if self._warm is not None:
            self._warm.session.broken = True
        self.close()
        compiled = self._open()
        if compiled is not None and not compiled.exited_zero:
            raise JailLost("the program compiled once and does not any more")

    def _run_chunk(self, chunk: Sequence[Run], limits: Limits, outcomes: list[RunOutcome]) -> list[float]:
        """Run them, adding each outcome as it comes; returns how long each waited for a processor."""
        session = self._borrowed().session
        delays: list[float] = []
        try:
            for run in chunk:
                session.start(self._placed, run, limits)
            for _ in chunk:
                outcome, delay_s = session.outcome(limits)
                outcomes.append(outcome)
                delays.append(delay_s)
        except SandboxFault:
            raise
        except BaseException:  # Interrupted from outside: leave nothing running.
            with suppress(SandboxFault):
                session.stop()
            raise
        return delays

    def _repeat_alone(self, run: Run, limits: Limits) -> RunOutcome:
        outcomes: list[RunOutcome] = []
        with self._admission.alone():
            self._run_chunk([run], limits, outcomes)
        return replace(outcomes[0], retried=True)


def _take_chunk(runs: Sequence[Run], start: int, count: int) -> Sequence[Run]:
    """The next runs, fewer when their inputs are large, but at least one."""
    end, size = start, 0
    while end < min(start + count, len(runs)):
        size += len(runs[end].stdin) + sum(map(len, runs[end].files.values()))
        if end > start and size > _CHUNK_BYTES_MAX:
            break
        end += 1
    return runs[start:end]


def _is_suspicious(outcome: RunOutcome, limits: Limits, delay_s: float) -> bool:
    """Did the clock run out on a program that wanted to run and was not let?

    A sleeper waits for no processor and is not suspicious, else a sleep would buy the whole machine for a repeat.
    """
    starved = outcome.ended is Ended.TIME_LIMIT and outcome.cpu_s < limits.cpu_s
    return starved and outcome.cpu_s + delay_s > 0.5 * limits.cpu_s and delay_s > 0.1 * outcome.wall_s


class PooledConversation:
    """The Conversation of runner.py."""

    def __init__(self, session: Session, limits: Limits) -> None:
        self._session = session
        self._limits = limits
        self._deadline = time.monotonic() + limits.wall_limit_s * STARVED_FACTOR + _BIRTH_S
        self._buffer = bytearray()
        self._silent = False
        self._outcome: RunOutcome | None = None

    def send(self, message: bytes) -> None:
        """See runner.Conversation."""
        if self._outcome is None and not self._silent:
            self._session.say(message)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """See runner.Conversation."""
        deadline = self._deadline if timeout_s is None else time.monotonic() + timeout_s
        while True:
            message = self._take_message()
            if message is not None:
                return message
            if self._silent or self._outcome is not None:
                return None
            self._take_in(self._next(deadline, own=timeout_s is None))

    def finish(self, kill: bool = False) -> RunOutcome:
        """See runner.Conversation."""
        if self._outcome is None:
            self._session.send({"do": "stop"} if kill else {"do": "hush"})
        stopping = kill and self._outcome is None
        while self._outcome is None or stopping:
            frame = self._next(self._deadline, own=True)
            if frame.head.get("done") == "stop":
                stopping = False
            elif frame.head.get("done") != "said":  # What nobody will read is not kept, however much it is.
                self._take_in(frame)
        return self._outcome

    def _next(self, deadline: float, own: bool) -> Frame:
        try:
            return self._session.next_frame(max(0.0, deadline - time.monotonic()))
        except TimeoutError as error:
            if not own:
                raise
            self._session.broken = True
            raise JailLost(f"{self._session.jail.name} does not answer") from error

    def _take_in(self, frame: Frame) -> None:
        done = frame.head.get("done")
        if done == "said":
            self._buffer += frame.body
        elif done == "silent":
            self._silent = True
        elif done == "run":
            self._outcome, _ = self._session.read_outcome(frame)
        else:
            self._session.broken = True
            raise JailLost(f"{self._session.jail.name}: {frame.head.get('message') or frame.head!r:.500}")

    def _take_message(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if size > _MESSAGE_BYTES_MAX:  # No honest program says that much at once: it has nothing more to say to us.
            self._silent = True
            self._buffer.clear()
            return None
        if len(self._buffer) < 4 + size:
            return None
        message = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return message


# ---- Opening ----

Kind = Literal["auto", "docker", "bubblewrap"]


def open_runner(
    kind: Kind = "auto",
    *,
    jails: int = 1,
    image: str = "touchstone-sandbox:latest",
    run_dir: Path | None = None,
    cores: int | None = None,
    memory_bytes: int = JAIL_MEMORY_BYTES,
    candidates_per_jail: int = CANDIDATES_PER_JAIL,
    runtime: str | None = None,
    namespaces: bool = True,
) -> PooledRunner:
    """A runner over warm jails. Close it when done.

    Args:
        kind: "docker", "bubblewrap", or "auto": docker where an engine answers and has the image, else bubblewrap.
        jails: kept warm by this runner, at least 1.
        image: the image of docker jails.
        run_dir: folder for admission slots and leases; processes that share it share the host's slots and its user
            ids. None means a folder of this user's under the system's temporary folder.
        cores: runs at once on this host; None means as many as the processors this process may use.
        memory_bytes: what each jail can give to a run.
        candidates_per_jail: after so many a jail is replaced.
        runtime: another OCI runtime for docker jails, such as "runsc"; there is no falling back from it to another.
        namespaces: False has runs kept apart by user ids, as where namespaces are refused (docker only).
    Raises: JailUnavailable, saying what is missing and how to mend it.
    """
    run_dir = run_dir or default_run_dir()
    run_dir.mkdir(parents=True, exist_ok=True)
    lease = Lease(run_dir / "leases")
    try:
        plans = _plan(kind, image=image, run_dir=run_dir, memory_bytes=memory_bytes, runtime=runtime, lease=lease)
        admission = Admission(run_dir / "slots", cores or len(os.sched_getaffinity(0)))
        pool, lacks = _try_each(
            [plan for plan in plans if plan.has_namespaces <= namespaces], jails, candidates_per_jail
        )
    except BaseException:
        lease.release()
        raise
    return PooledRunner(pool, admission, memory_bytes, lease.release, lacks)


def sweep(run_dir: Path | None = None) -> int:
    """Remove what crashed processes left: containers, control groups, leases. Returns how many things. Never raises.

    Call it at start-up. What belongs to a living process is left alone.
    """
    run_dir = run_dir or default_run_dir()
    leases = run_dir / "leases"
    containers, named = sweep_containers(leases)
    return containers + sweep_cgroups() + sweep_leases(leases, named)


def default_run_dir() -> Path:
    """Where runners of this user meet when nobody says otherwise."""
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"touchstone-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022 or folder.is_symlink():
        raise JailUnavailable(f"{folder} belongs to someone else; name another folder as run_dir")
    return folder


HOW_TO_ALLOW_NAMESPACES = (
    "the kernel or the engine refuses namespaces: set user.max_user_namespaces above 0, "
    "kernel.unprivileged_userns_clone=1 and kernel.apparmor_restrict_unprivileged_userns=0 where there are such "
    "settings, and have the engine accept a seccomp profile from its caller"
)


def how_to_separate(runtime: str | None) -> str:
    """How to mend that runs could not be kept apart, under the engine's own runtime or another."""
    if runtime is None:
        return HOW_TO_ALLOW_NAMESPACES
    return (
        f"the kernel of the runtime {runtime!r} lacks what keeps runs apart (namespaces of users, processes, mounts, "
        "ipc and names; pidfds; sub-reapers): use a newer one, or unset TOUCHSTONE_SANDBOX_RUNTIME"
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A kind of jail that could be had here.

    Args:
        make: starts one.
        has_namespaces: its runs are kept apart by namespaces; without, each candidate has a jail of its own.
    """

    make: Callable[[], Jail]
    has_namespaces: bool = True


def _try_each(plans: Sequence[_Plan], jails: int, candidates_per_jail: int) -> tuple[JailPool, str]:
    """A pool of the first kind that works, and what was wrong with those before.

    Raises: the first kind's JailUnavailable when none works.
    """
    failures: list[JailUnavailable] = []
    for plan in plans:
        # The weaker kind is no way round anything but a refusal of what the stronger needs.
        if not plan.has_namespaces and failures and not any(isinstance(f, SeparationRefused) for f in failures):
            continue
        try:
            pool = JailPool(plan.make, jails, candidates_per_jail if plan.has_namespaces else 1)
        except SandboxFault as fault:
            failures.append(fault if isinstance(fault, JailUnavailable) else JailUnavailable(str(fault)))
            _log.warning("no such jail: %s", fault)
            continue
        return pool, "" if plan.has_namespaces else "; ".join(map(str, failures))
    if not failures:
        raise JailUnavailable("bubblewrap cannot keep runs apart without namespaces")
    raise failures[0] if len(failures) == 1 else type(failures[0])("; ".join(map(str, failures)))


def _plan(
    kind: Kind, *, image: str, run_dir: Path, memory_bytes: int, runtime: str | None, lease: Lease
) -> Sequence[_Plan]:
    """The kinds of jail to try, best first: docker when asked for or at hand, bubblewrap else, nothing less ever."""
    if kind == "bubblewrap":
        return [_Plan(_bubblewrap(run_dir, memory_bytes))]
    facts = ask_engine(image)
    if not (facts.answers and facts.has_image):
        if kind == "docker" or runtime is not None:  # Who names a runtime wants its walls, and no others.
            raise JailUnavailable(facts.complaint)
        try:
            return [_Plan(_bubblewrap(run_dir, memory_bytes))]
        except JailUnavailable as error:
            raise JailUnavailable(f"no sandbox: {facts.complaint}; {error}") from error
    left_behind: set[str] = set()

    def container(walls: Walls) -> Callable[[], Jail]:
        return lambda: DockerJail(
            image, memory_bytes + _JAIL_OVERHEAD_BYTES, lease, facts, runtime, left_behind, run_dir / "users", walls
        )

    plans = [_Plan(container(Walls.NAMESPACES))]
    if kind == "auto" and runtime is None:
        # The engine is there and its jail may be of no use, an image of an older release for one.
        with suppress(JailUnavailable):
            plans.append(_Plan(_bubblewrap(run_dir, memory_bytes)))
    return [*plans, _Plan(container(Walls.USERS), has_namespaces=False)]


def _bubblewrap(run_dir: Path, memory_bytes: int) -> Callable[[], Jail]:
    program = find_bubblewrap()
    if program is None:
        raise JailUnavailable("bubblewrap is missing: install the bubblewrap package, or use the docker sandbox")
    try:
        cache = default_cache()
        agent_folder = stage_agent(cache)
    except (OSError, RuntimeError):  # A home that is not there or not ours to write to.
        cache = run_dir / "cache"
        agent_folder = stage_agent(cache)
    header_folder = stage_header(cache)
    toolchains = find_toolchains(os.environ)
    return lambda: BubblewrapJail(
        program, agent_folder, run_dir / "users", header_folder, toolchains, memory_bytes + _JAIL_OVERHEAD_BYTES
    )
