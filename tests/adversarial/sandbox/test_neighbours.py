"""What one jail's program uses up of what the kernel counts by user must not be missing in another jail."""

import threading
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from sandbox.docker_jail import LABEL_LEASE, ask_engine
from sandbox.limits import MIB, Limits
from sandbox.pool import PooledRunner, open_runner
from sandbox.run import Ended, Program, Run, RunOutcome
from tests.jails import DOCKER, IMAGE, open_counted

SENDERS = 60
HOLD_MS = 3000
# Each child waits in sendmsg() until there is room, when it has passed the kernel's check long since.
DESCRIPTORS = """
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
    enum { SENDERS = %d, EACH = 253 };
    int pairs[SENDERS][2], held[SENDERS];
    char byte = 0, control[CMSG_SPACE(sizeof(int) * EACH)];
    for (int i = 0; i < SENDERS; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        socklen_t size = sizeof name.sun_family;
        for (int side = 0; side < 2; side++) pairs[i][side] = socket(AF_UNIX, SOCK_DGRAM, 0);
        if (bind(pairs[i][0], (struct sockaddr *)&name, size)) return 3; /* To a name of the kernel's choice. */
        size = sizeof name;
        if (getsockname(pairs[i][0], (struct sockaddr *)&name, &size)) return 4;
        if (connect(pairs[i][1], (struct sockaddr *)&name, size)) return 5;
        for (held[i] = 0; send(pairs[i][1], &byte, 1, MSG_DONTWAIT) == 1; held[i]++) {}
        if (fork() == 0) {
            struct iovec part = {&byte, 1};
            struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            struct cmsghdr *c = (struct cmsghdr *)control;
            *c = (struct cmsghdr){CMSG_LEN(sizeof(int) * EACH), SOL_SOCKET, SCM_RIGHTS};
            for (int k = 0; k < EACH; k++) memcpy(CMSG_DATA(c) + k * sizeof(int), &pairs[i][0], sizeof(int));
            sendmsg(pairs[i][1], &message, 0);
            poll(0, 0, 60000);
            _exit(0);
        }
    }
    poll(0, 0, 300);
    for (int i = 0; i < SENDERS; i++)
        while (held[i]--) recv(pairs[i][0], &byte, 1, 0);
    write(1, "parked\\n", 7);
    poll(0, 0, %d);
    return 0;
}
"""


def _double(runner: PooledRunner, number: int) -> RunOutcome:
    with runner.open(Program("python", {"main.py": b"print(2 * int(input()))"})) as candidate:
        (outcome,) = candidate.run([Run(stdin=b"%d" % number)], Limits())
    return outcome


@pytest.mark.parametrize("kind", ["bubblewrap", DOCKER])
def test_descriptors_on_their_way_in_one_jail_stop_nobody_in_another(kind: str, tmp_path: Path) -> None:
    """Fifteen thousand of them: jails are born and programs run beside them as ever, and no jail is lost."""
    born: list[str] = []
    hostile, honest = open_counted(kind, tmp_path, []), open_counted(kind, tmp_path, born)
    found: list[RunOutcome] = []

    def attack() -> None:
        source = (DESCRIPTORS % (SENDERS, HOLD_MS)).encode()
        with hostile.open(Program("c", {"main.c": source})) as candidate:
            found.extend(candidate.run([Run()], Limits(cpu_s=10, memory_bytes=256 * MIB, processes=SENDERS + 4)))

    thread = threading.Thread(target=attack)
    thread.start()
    number = 0
    try:
        while thread.is_alive():
            number += 1
            assert _double(honest, number).stdout == b"%d\n" % (2 * number)
            if number % 20 == 0:
                open_counted(kind, tmp_path, born).close()
    finally:
        thread.join()
        hostile.close()
        honest.close()
    assert [outcome.stdout for outcome in found] == [b"parked\n"]
    assert number > 20
    assert len(born) == 1 + number // 20


def test_descriptors_on_their_way_do_not_outlive_their_run(attack: Callable[..., RunOutcome]) -> None:
    """More of them than the agent may open files here: whoever comes next in that jail is served all the same."""
    for _ in range(3):
        outcome = attack(
            DESCRIPTORS % (110, 100), limits=Limits(cpu_s=10, memory_bytes=256 * MIB, processes=120), language="c"
        )
        assert (outcome.ended, outcome.stdout) == (Ended.EXITED, b"parked\n")


@pytest.mark.docker
def test_each_container_has_a_user_of_its_own(tmp_path: Path) -> None:
    """As the host counts users: jails of two runners; none is root's."""
    facts = ask_engine(IMAGE)
    if not (facts.answers and facts.has_image):
        pytest.skip(facts.complaint)
    runners = [open_runner("docker", jails=jails, image=IMAGE, run_dir=tmp_path) for jails in (1, 1)]
    client = docker.from_env()
    try:
        for runner in runners:
            assert _double(runner, 4).stdout == b"8\n"
        users: set[str] = set()
        for lease in (tmp_path / "leases").iterdir():
            for row in client.api.containers(filters={"label": f"{LABEL_LEASE}={lease.name}"}):
                users.add(client.api.inspect_container(row["Id"])["Config"]["User"].partition(":")[0])
    finally:
        client.close()
        for runner in runners:
            runner.close()
    assert len(users) == 2
    assert "0" not in users
