# ruff: noqa: E501 - an attack reads best on the line it was found on.
"""Ways out of the jail (family I): each prints CHEATED when it gets somewhere. First tried on 2026-11-24."""

from collections.abc import Callable

import pytest

from sandbox.limits import MIB, Limits
from sandbox.run import Ended, RunOutcome

Attack = Callable[..., RunOutcome]

SYSCALL = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
GOT_IN = "print('CHEATED' if r >= 0 else 'refused', ctypes.get_errno())\n"

ROWS = {
    "unshare of a user namespace": SYSCALL + "r = libc.unshare(0x10000000)\n" + GOT_IN,
    "clone into a user namespace": SYSCALL + "r = libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\n"
    "if r == 0: os._exit(0)\n" + GOT_IN,
    "clone3": SYSCALL + "r = libc.syscall(435, b'\\0' * 64, 64)\nif r == 0: os._exit(0)\n" + GOT_IN,
    "setns to the warden's namespaces": SYSCALL + "r = libc.setns(os.open('/proc/self/ns/user', 0), 0)\n" + GOT_IN,
    "mount of a tmpfs": SYSCALL + "r = libc.mount(b'x', b'/tmp', b'tmpfs', 0, None)\n" + GOT_IN,
    "mount by the new calls": SYSCALL + "r = libc.syscall(430, b'tmpfs', 0)\n" + GOT_IN,
    "umount of what covers the agent": SYSCALL + "r = libc.umount2(b'/jail', 2)\n" + GOT_IN,
    "umount of /proc": SYSCALL + "r = libc.umount2(b'/proc', 2)\n" + GOT_IN,
    "chroot": SYSCALL + "r = libc.chroot(b'/tmp')\n" + GOT_IN,
    "pivot_root": SYSCALL + "r = libc.syscall(155, b'/box', b'/box')\n" + GOT_IN,
    "ptrace of the warden": SYSCALL + "r = libc.ptrace(16, 1, 0, 0)\n" + GOT_IN,
    "reading the warden's memory": SYSCALL + "r = libc.syscall(310, 1, b'', 1, b'', 1, 0)\n" + GOT_IN,
    "prlimit of the warden": SYSCALL + "r = libc.prlimit(1, 0, b'\\0' * 16, None)\n" + GOT_IN,
    "bpf": SYSCALL + "r = libc.syscall(321, 0, b'\\0' * 128, 128)\n" + GOT_IN,
    "perf_event_open": SYSCALL + "r = libc.syscall(298, b'\\0' * 128, 0, -1, -1, 0)\n" + GOT_IN,
    "userfaultfd": SYSCALL + "r = libc.syscall(323, 0)\n" + GOT_IN,
    "io_uring": SYSCALL + "r = libc.syscall(425, 8, ctypes.create_string_buffer(120))\n" + GOT_IN,
    "keyctl": SYSCALL + "r = libc.syscall(250, 0, -3, 1)\n" + GOT_IN,
    "add_key": SYSCALL + "r = libc.syscall(248, b'user', b'k', b'v', 1, -3)\n" + GOT_IN,
    "open_by_handle_at": SYSCALL + "r = libc.syscall(304, -100, b'\\0' * 128, 0)\n" + GOT_IN,
    "x32 call numbers": SYSCALL + "r = libc.syscall(0x40000000 + 39)\n" + GOT_IN,
    "memfd, which no limit counts": SYSCALL + "r = libc.memfd_create(b'x', 0)\n" + GOT_IN,
    "System V shared memory": SYSCALL + "r = libc.shmget(0, 1 << 30, 0o1600)\n" + GOT_IN,
    "settimeofday": SYSCALL + "r = libc.settimeofday(b'\\0' * 16, None)\n" + GOT_IN,
    "sethostname": SYSCALL + "r = libc.sethostname(b'x', 1)\n" + GOT_IN,
    "mknod of a disk": SYSCALL + "r = libc.mknod(b'/tmp/disk', 0o60600, 0x0800)\n" + GOT_IN,
    "setuid to root": SYSCALL + "r = libc.setuid(0)\n" + GOT_IN,
    "setgroups": SYSCALL + "r = libc.setgroups(0, None)\n" + GOT_IN,
    "putting the warden to sleep": "import os\nfor f in (lambda: os.sched_setscheduler(1, os.SCHED_IDLE, "
    "os.sched_param(0)), lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.sched_setaffinity(1, {0})):\n"
    "  try: f(); print('CHEATED')\n  except OSError as e: print(e)",
    "being spared when memory runs out": "import os\nfd = os.open('/proc/self/oom_score_adj', os.O_WRONLY)\n"
    "try: os.write(fd, b'-1000'); print('CHEATED')\nexcept OSError as e: print(e)",
    "vsock, which reaches the host of a virtual machine": "import socket\ntry: socket.socket(40, 1); print('CHEATED')\n"
    "except OSError as e: print(e)",
    "netlink": "import socket\ntry: socket.socket(16, 3); print('CHEATED')\nexcept OSError as e: print(e)",
    "raw packets": "import socket\ntry: socket.socket(17, 3); print('CHEATED')\nexcept OSError as e: print(e)",
    "the network": "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1); print('CHEATED')\n"
    "except OSError as e: print(e)",
    "the engine's socket": "import os\nprint(['CHEATED' for p in ('/var/run/docker.sock', '/run/docker.sock') "
    "if os.path.exists(p)])",
    "the agent's folder": "import os\nfor d in ('/jail', '/touchstone'):\n  for r, _, f in os.walk(d):\n"
    "    if any(n.endswith(('.py', '.so', '.c')) or n == 'launcher' for n in f if not r.startswith('/jail/box')): "
    "print('CHEATED', r, f)",
    "another process of the jail": "import os\nfor p in filter(str.isdigit, os.listdir('/proc')):\n"
    "  if int(p) == os.getpid(): continue\n  for n in ('mem', 'maps', 'environ', 'stack', 'auxv', 'cwd', 'root', 'exe', 'fd', 'fdinfo'):\n"
    "    try: os.listdir(f'/proc/{p}/{n}'); print('CHEATED', p, n)\n    except OSError: pass\n"
    "    try: open(f'/proc/{p}/{n}', 'rb').read(1) is not None and print('CHEATED', p, n)\n    except OSError: pass\n"
    "  try: os.kill(int(p), 0); print(int(p) > 1 and 'CHEATED')\n  except OSError: pass",
    "the warden's memory by /proc": "try: open('/proc/1/mem', 'rb').read(1); print('CHEATED')\n"
    "except OSError as e: print(e)",
    "the warden's descriptors": "import os\ntry: print('CHEATED', os.listdir('/proc/1/fd'))\nexcept OSError as e: print(e)",
    "the warden's root": "import os\ntry: print('CHEATED', os.listdir('/proc/1/root'))\nexcept OSError as e: print(e)",
    "inherited descriptors": "import os\nfor fd in range(3, 1024):\n  try: os.fstat(fd); print('CHEATED', fd)\n"
    "  except OSError: pass",
    "the service's environment": "import os\nprint(sorted(set(os.environ) - {'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'USER', "
    "'PATH', 'PYTHONHASHSEED', 'PYTHONDONTWRITEBYTECODE', 'OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', "
    "'MKL_NUM_THREADS'}) and 'CHEATED')",
    "homes and projects": "import os\nprint(*['CHEATED ' + d for d in ('/root', '/home', '/work', '/srv', '/var/lib') "
    "if os.path.isdir(d) and any(f for _, _, f in os.walk(d) for f in f if 'touchstone' in f or f.endswith('.jsonl'))])",
    "writing where the next one looks": "import os\nfor d in ('/etc', '/usr', '/usr/bin', '/opt', '/dev', '/', '/pch', "
    "'/proc/sys/kernel', '/sys', '/var'):\n  try: open(d + '/touchstone-was-here', 'w').close(); print('CHEATED', d)\n"
    "  except OSError: pass",
    "a kernel setting": "try: open('/proc/sys/kernel/core_pattern', 'w').write('x'); print('CHEATED')\n"
    "except OSError: pass",
    "the magic key": "try: open('/proc/sysrq-trigger', 'w').write('h'); print('CHEATED')\nexcept OSError: pass",
    "put words in a terminal's mouth": "import fcntl\ntry: fcntl.ioctl(0, 0x5412, b'x'); print('CHEATED')\n"
    "except OSError as e: print(e)",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_no_way_out(attack: Attack, name: str) -> None:
    """The attempt is refused, and the next program finds a sound sandbox."""
    outcome = attack(ROWS[name])
    assert b"CHEATED" not in outcome.stdout, outcome
    assert outcome.ended in (Ended.EXITED, Ended.SIGNALLED), outcome
    assert b"SyntaxError" not in outcome.stderr
    assert b"NameError" not in outcome.stderr


@pytest.mark.parametrize(
    "signal", ["SIGKILL", "SIGSTOP", "SIGTERM", "SIGINT", "SIGSEGV", "SIGHUP", "SIGCHLD", "SIGXCPU", "SIGALRM"]
)
def test_the_warden_minds_no_signal(attack: Attack, signal: str) -> None:
    """Signals to pid 1 and to one's parent have no effect or are refused, and the run ends as it would have."""
    outcome = attack(
        f"import os, signal\nfor n in range(100):\n  try: os.kill(1 if n % 2 else os.getppid(), signal.{signal})\n"
        "  except PermissionError: pass\nprint('done', flush=True); os._exit(5)"
    )
    assert (outcome.stdout, outcome.exit_code) == (b"done\n", 5), outcome


def test_killing_everything_kills_only_oneself(attack: Attack) -> None:
    """kill(-1) reaches nobody outside the run's namespace."""
    outcome = attack("import os, signal\nif os.fork() == 0: os.kill(-1, signal.SIGKILL)\nimport time; time.sleep(1)")
    assert (outcome.ended, outcome.signal) == (Ended.SIGNALLED, 9)


@pytest.mark.alone
def test_a_daemon_ends_with_its_program(attack: Attack) -> None:
    """A twice forked process in a session of its own, holding standard output, does not hold up or outlive the run."""
    outcome = attack(
        "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    time.sleep(30); print('CHEATED')\n"
        "  os._exit(0)\ntime.sleep(0.05); print('done')"
    )
    assert outcome.stdout == b"done\n"
    assert outcome.wall_s < 1


def test_raised_limits_do_not_help(attack: Attack) -> None:
    """Hard limits cannot be raised, and the warden's do not depend on them."""
    outcome = attack(
        "import resource\nfor r in range(16):\n  try: resource.setrlimit(r, (-1, -1)); print('CHEATED', r)\n"
        "  except (OSError, ValueError): pass\nwhile True: pass",
        limits=Limits(cpu_s=0.3, wall_s=20, memory_bytes=128 * MIB),
    )
    assert outcome.ended is Ended.TIME_LIMIT
    # Some limits are unlimited to begin with, which is no gain.
    gained = {int(line.split()[1]) for line in outcome.stdout.decode().splitlines()}
    assert not gained & {0, 1, 3, 4, 6, 7, 8, 12, 13, 14}, outcome.stdout
