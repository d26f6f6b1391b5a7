"""The system-call filter decides as its table says, on both architectures: checked by interpreting it."""

import errno
import struct

import pytest

from sandbox.agent import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def refused(number: int) -> int:
    """The filter's answer for "fails with this errno"."""
    return 0x00050000 | number


def decide(program: bytes, number: int, audit: int, *arguments: int) -> int:
    """What the kernel would answer: a tiny interpreter of the instructions the filter uses."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *(arguments + (0,) * (6 - len(arguments))))
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = steps = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        steps += 1
        assert steps < 5000
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
            at += 1
        elif code == 0x06:
            return int(value)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            at += 1 + (if_true if holds else if_false)


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_each_listed_call_is_refused_and_ordinary_ones_are_not(machine: str, column: int) -> None:
    """The table is what is in force."""
    program, audit = seccomp.build_filter(machine), AUDIT[machine]
    for name, numbers in seccomp._DENIED.items():
        if numbers[column] is not None:
            assert decide(program, numbers[column], audit) == refused(errno.EPERM), name
    for name, numbers in seccomp._ABSENT.items():
        if numbers[column] is not None:
            assert decide(program, numbers[column], audit) == refused(errno.ENOSYS), name
    listed = {n[column] for table in (seccomp._DENIED, seccomp._ABSENT) for n in table.values()}
    judged = {numbers[column] for numbers in (seccomp._SOCKET, seccomp._SOCKETPAIR, seccomp._PERSONALITY)}
    for number in {*range(1024), 0x3FFFFFFF} - listed - judged:  # All others, with arguments that are 0.
        assert decide(program, number, audit) == ALLOW, number


def test_another_architecture_is_killed_and_x32_is_unknown() -> None:
    """Their numbers mean other calls."""
    program = seccomp.build_filter("x86_64")
    assert decide(program, 11, 0x40000003) == KILL
    assert decide(program, 0x40000000 | 59, AUDIT["x86_64"]) == refused(errno.ENOSYS)


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        (56, (17,), ALLOW),  # fork
        (56, (0x3D0F00,), ALLOW),  # a thread
        (56, (0x10000000 | 17,), refused(errno.EPERM)),  # CLONE_NEWUSER
        (56, (0x00020000 | 17,), refused(errno.EPERM)),  # CLONE_NEWNS
        (302, (0, 7), ALLOW),  # prlimit of oneself
        (302, (1, 7), refused(errno.EPERM)),
        (41, (1, 1), ALLOW),  # AF_UNIX
        (41, (2, 1), ALLOW),
        (41, (10, 1), ALLOW),
        (41, (16, 3), refused(errno.EAFNOSUPPORT)),  # AF_NETLINK
        (41, (40, 1), refused(errno.EAFNOSUPPORT)),  # AF_VSOCK
        (53, (1, 1), ALLOW),
        (16, (0, 0x5401), ALLOW),  # TCGETS
        (16, (0, 0x5412), refused(errno.EPERM)),  # TIOCSTI
        (16, (0, 0x541C), refused(errno.EPERM)),  # TIOCLINUX
        (135, (0,), ALLOW),
        (135, (0x40000,), ALLOW),
        (135, (0xFFFFFFFF,), ALLOW),
        (135, (0x0400000,), refused(errno.EPERM)),  # READ_IMPLIES_EXEC
    ],
)
def test_calls_judged_by_an_argument(number: int, arguments: tuple[int, ...], expected: int) -> None:
    """The same call is fine or not by what it asks for."""
    assert decide(seccomp.build_filter("x86_64"), number, AUDIT["x86_64"], *arguments) == expected


def test_every_jump_lands_inside() -> None:
    """A jump past the end would make the kernel refuse the whole filter."""
    for machine in AUDIT:
        instructions = list(struct.iter_unpack("=HBBI", seccomp.build_filter(machine)))
        for index, (code, if_true, if_false, _) in enumerate(instructions):
            if code not in (0x20, 0x06):
                assert index + 1 + max(if_true, if_false) < len(instructions)
        assert len(instructions) <= 4096
