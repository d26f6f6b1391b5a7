"""What one program leaves, the next must not find (families D, J and K), within one jail and one candidate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.limits import Limits
from sandbox.pool import PooledRunner
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.jails import DOCKER, open_counted

Attack = Callable[..., RunOutcome]

PAIRS: dict[str, tuple[str, str]] = {
    "files": (
        "for p in ('/tmp/x', '/box/x', '/dev/shm/x', '/jail/x', '/touchstone/x', '/dev/x', '/var/tmp/x'):\n"
        "  try: open(p, 'w').write('3')\n  except OSError: pass",
        "import os\nprint([p for p in ('/tmp/x', '/box/x', '/dev/shm/x', '/jail/x', '/touchstone/x', '/dev/x', "
        "'/var/tmp/x') if os.path.exists(p)] or 'clean')",
    ),
    "a daemon on an abstract socket": (
        "import os, socket, time\nif os.fork() == 0:\n  os.setsid()\n  s = socket.socket(socket.AF_UNIX); "
        "s.bind('\\0leak'); s.listen(); time.sleep(60)\ntime.sleep(0.1)",
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('\\0leak'); print('found')\n"
        "except OSError: print('clean')",
    ),
    "a daemon on a port": (
        "import os, socket, time\nif os.fork() == 0:\n  os.setsid()\n  s = socket.create_server(('127.0.0.1', 4242)); "
        "time.sleep(60)\ntime.sleep(0.1)",
        "import socket\ntry: socket.create_connection(('127.0.0.1', 4242), 1); print('found')\n"
        "except OSError: print('clean')",
    ),
    "home and start-up files": (
        "import os\nfor n in ('.bashrc', '.profile', '.pythonrc', 'sitecustomize.py', 'usercustomize.py'):\n"
        "  open(os.path.expanduser('~/' + n), 'w').write('print(3)')",
        "import os\nprint([n for n in os.listdir(os.path.expanduser('~')) if n != 'main.py'] or 'clean')",
    ),
    "the interpreter's own modules": (
        "import json, os, glob, random, builtins\njson.loads = lambda s: 3\nbuiltins.print = None\n"
        "for f in glob.glob(os.path.dirname(json.__file__) + '/__pycache__/*'):\n"
        "  try: os.remove(f)\n  except OSError: pass",
        "import json\nprint('clean' if json.loads('[1]') == [1] else 'found')",
    ),
    "names that hurt a clean-up": (
        "import os\nfor n in (b'bad\\xff\\n name', b'-rf', b'$(touch x)', b'a' * 255):\n  open(n, 'w').close()\n"
        "os.symlink('/etc/passwd', 'out.txt'); os.mkfifo('fifo'); os.mkdir('locked'); open('locked/f', 'w').close(); "
        "os.chmod('locked', 0)",
        "import os\nprint('clean' if os.listdir('.') == ['main.py'] else os.listdir('.'))",
    ),
    "its own source": (
        "import os, sys\nopen(sys.argv[0], 'w').write('print(3)'); os.unlink(sys.argv[0])",
        "print('clean')",
    ),
    "terminals": (
        "import os\nfor path, mode in (('/dev/pts/ptmx', 0), ('/dev/pts', 0o700)):\n"
        "  for change in (lambda: os.utime(path, (3, 3)), lambda: os.chmod(path, mode)):\n"
        "    try: change()\n    except OSError: pass",
        "import os\na, b = os.openpty(); os.write(a, b'3\\n'); os.read(b, 9)\nseen = os.stat('/dev/pts/ptmx')\n"
        "print('clean' if (seen.st_mode & 0o777, int(seen.st_mtime) == 3) == (0o666, False) else seen)",
    ),
    "a POSIX semaphore and shared memory": (
        "import os\nfrom multiprocessing import shared_memory\ns = shared_memory.SharedMemory('leak', True, 10); "
        "os._exit(0)",
        "from multiprocessing import shared_memory\ntry: shared_memory.SharedMemory('leak'); print('found')\n"
        "except FileNotFoundError: print('clean')",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_next_candidate_finds_nothing(attack: Attack, name: str) -> None:
    """The second program, another candidate's, runs in the same jail and sees no trace of the first."""
    leave, look = PAIRS[name]
    attack(leave)
    outcome = attack(look)
    assert outcome.stdout == b"clean\n", outcome


@pytest.mark.parametrize("name", PAIRS)
def test_the_next_run_of_the_same_candidate_finds_nothing(runner: PooledRunner, name: str) -> None:
    """Two runs of one program share its files as they were, and nothing that a run did."""
    leave, look = PAIRS[name]
    source = f"import sys\nexec({leave!r} if input() == '1' else {look!r})"
    with runner.open(Program("python", {"main.py": source.encode()})) as candidate:
        _, outcome = candidate.run([Run(stdin=b"1\n"), Run(stdin=b"2\n")], Limits())
    assert outcome.stdout == b"clean\n", outcome


TALK = """
import socket
server = socket.create_server(('127.0.0.1', 4243))
ours = socket.create_connection(('127.0.0.1', 4243))
theirs = server.accept()[0]
ours.sendall(b'3')
theirs.close(); ours.close(); server.close()
"""
SEND = """
import socket
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'3', ('127.0.0.1', 4244))
except OSError: pass
"""
SEND_NOWHERE = """
import socket
try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'3', ('8.8.8.8', 53))
except OSError: pass
"""
LOOK_AROUND = """
import glob
for path in sorted(glob.glob('/proc/net/*')):
    try: print(path, open(path).read())
    except OSError: pass
"""


@pytest.mark.parametrize("kind", ["bubblewrap", DOCKER])
@pytest.mark.parametrize(
    "source", [TALK, SEND, SEND_NOWHERE], ids=["a connection", "a datagram", "a datagram to nowhere"]
)
def test_what_went_through_the_network_is_seen_by_no_other_candidate(kind: str, source: str, tmp_path: Path) -> None:
    """Neither ports in TIME_WAIT, which could be words, nor counters: such a jail is not lent again. Others are."""
    born: list[str] = []
    runner = open_counted(kind, tmp_path, born)
    try:
        for program, jails in ((LOOK_AROUND, 1), ("print(3)", 1), (source, 1), (LOOK_AROUND, 2), ("print(3)", 2)):
            with runner.open(Program("python", {"main.py": program.encode()})) as candidate:
                (outcome,) = candidate.run([Run()], Limits())
            assert (outcome.ended, outcome.exit_code, len(born)) == (Ended.EXITED, 0, jails)
            if program == LOOK_AROUND:
                tcp = outcome.stdout.decode().partition("/proc/net/tcp ")[2].partition("/proc/net/")[0]
                assert "0100007F:1093" not in tcp
                assert outcome.stdout.decode().partition("lo:")[2].split()[:16] == ["0"] * 16
    finally:
        runner.close()


def test_a_run_never_sees_another_runs_input(runner: PooledRunner) -> None:
    """Inputs of a bunch are handed over one by one: memory, files and descriptors hold only one's own."""
    source = """
import os, glob
own = input()
seen = set()
for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/*/fd/*'):
    try: seen.update(w for w in os.read(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 1 << 20).split() if b'secret' in w)
    except OSError: pass
for root in ('/box', '/tmp', '/jail', '/touchstone', '/dev/shm'):
    for folder, _, names in os.walk(root):
        for name in names:
            if name != 'main.py': seen.add(name.encode())
seen |= {line for line in open('/proc/self/maps').read().split() if 'memfd' in line and 'stdin' not in line}
print(sorted(seen - {own.encode()}))
"""
    runs = [Run(stdin=b"secret-%d\n" % number) for number in range(20)]
    with runner.open(Program("python", {"main.py": source.encode()})) as candidate:
        outcomes = list(candidate.run(runs, Limits(cpu_s=2)))
    assert {outcome.stdout for outcome in outcomes} == {b"[]\n"}, outcomes
