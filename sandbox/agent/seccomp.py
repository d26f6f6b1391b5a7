"""The system calls a candidate may not make, as a filter program for the kernel.

A deny list, because candidates are honest programs of twenty languages, whose runtimes call whatever the kernel
offers: each entry is refused for a reason given beside it. It is the third wall, behind namespaces without network and
the absence of every capability. docs/threat-model.md lists what it does not stop.

Source: seccomp(2), linux/filter.h; the lists of Docker's default profile and of research/code.md, section 8.
"""

import errno
import os
import struct

# Numbers on x86_64 and aarch64; None where the architecture has no such call.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # Reading or steering another process.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # New namespaces would bring back capabilities, and with them most of the kernel's surface.
    "unshare": (272, 97),
    "setns": (308, 268),
    # Mounts and roots.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    # Kernel facilities with a history of holes, and of no use to a contest program.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "vhangup": (153, 58),
    "acct": (163, 89),
    "syslog": (103, 116),
    "reboot": (169, 142),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "_sysctl": (156, None),
    "sysfs": (139, None),
    "create_module": (174, None),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    # The host's clock and name.
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
}
# Refused as if the kernel were too old, which every runtime knows how to live with.
_ABSENT: dict[str, tuple[int | None, int | None]] = {
    # Its flags lie in memory, where a filter cannot see them; C libraries fall back to clone.
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Memory that no process need map and no tmpfs bounds, so that it would escape the memory limit.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
}
_CLONE = (56, 220)
_CLONE_NAMESPACES = 0x7E020080  # NEWUSER, PID, NET, IPC, UTS, CGROUP, NS, TIME.
_PRLIMIT = (302, 261)
_SOCKET = (41, 198)
_SOCKETPAIR = (53, 199)
_IOCTL = (16, 29)
_PERSONALITY = (135, 92)

_AF_ALLOWED = (
    1,
    2,
    10,
)  # unix, inet, inet6; no netlink, packet, vsock (which would reach the host of a virtual machine).
_IOCTL_DENIED = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX put words into a terminal's mouth.
_PERSONALITY_ALLOWED = (0, 0x40000, 0xFFFFFFFF)  # Normal, no address randomisation (Lisp asks for it), and "which?".

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16

_Step = tuple[int, int, int, int]  # code, value, how many to skip if true, and if false
_ANSWERS: dict[int, tuple[_Step, ...]] = {
    error: ((_RET, _ERRNO | error, 0, 0),) for error in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT)
}
_ALLOWED: tuple[_Step, ...] = ((_RET, _ALLOW, 0, 0),)


def build_filter(machine: str | None = None) -> bytes:
    """The filter as an array of struct sock_filter.

    The number is looked for by halving: when a filter is attached, which each run does, the kernel tries it on every
    number there is, so that a list cost a run 0.1 ms.

    Args: machine: "x86_64" or "aarch64"; None means this one.
    Raises: KeyError on another machine, for which there is no list.
    """
    column, audit_architecture = _ARCHITECTURES[machine or os.uname().machine]
    steps: list[_Step] = [
        (_LD, _ARCHITECTURE, 0, 0),
        (_JEQ, audit_architecture, 1, 0),
        (_RET, _KILL, 0, 0),  # 32-bit calls on a 64-bit kernel: other numbers, other meanings.
        (_LD, _NUMBER, 0, 0),
    ]
    if column == 0:
        steps += [(_JGE, 0x40000000, 0, 1), *_ANSWERS[errno.ENOSYS]]  # The x32 calls.
    steps += _halve(_stretches(_decisions(column)))
    return b"".join(struct.pack("=HBBI", code, if_true, if_false, value) for code, value, if_true, if_false in steps)


def _decisions(column: int) -> dict[int, tuple[_Step, ...]]:
    """What is done about each number that is not simply allowed."""
    found = {
        numbers[column]: _ANSWERS[error]
        for table, error in ((_DENIED, errno.EPERM), (_ABSENT, errno.ENOSYS))
        for numbers in table.values()
    }
    found |= {
        _CLONE[column]: (
            (_LD, _ARGUMENT, 0, 0),
            (_JSET, _CLONE_NAMESPACES, 0, 1),
            *_ANSWERS[errno.EPERM],
            *_ALLOWED,
        ),
        _PRLIMIT[column]: _one_of((0,), _ARGUMENT, errno.EPERM),  # Another process's limits: the warden's, for example.
        _SOCKET[column]: _one_of(_AF_ALLOWED, _ARGUMENT, errno.EAFNOSUPPORT),
        _SOCKETPAIR[column]: _one_of(_AF_ALLOWED, _ARGUMENT, errno.EAFNOSUPPORT),
        _PERSONALITY[column]: _one_of(_PERSONALITY_ALLOWED, _ARGUMENT, errno.EPERM),
        _IOCTL[column]: (
            (_LD, _ARGUMENT + 8, 0, 0),
            *((_JEQ, request, len(_IOCTL_DENIED) - index, 0) for index, request in enumerate(_IOCTL_DENIED)),
            *_ALLOWED,
            *_ANSWERS[errno.EPERM],
        ),
    }
    return {number: answer for number, answer in found.items() if number is not None}


def _one_of(values: tuple[int, ...], argument: int, error: int) -> tuple[_Step, ...]:
    """Allowed with one of these, else refused."""
    return (
        (_LD, argument, 0, 0),
        *((_JEQ, value, len(values) - index, 0) for index, value in enumerate(values)),
        *_ANSWERS[error],
        *_ALLOWED,
    )


def _stretches(decisions: dict[int, tuple[_Step, ...]]) -> list[tuple[int, tuple[_Step, ...]]]:
    """First numbers of stretches, in order, and what is done about each of a stretch."""
    found: list[tuple[int, tuple[_Step, ...]]] = [(0, decisions.get(0, _ALLOWED))]
    for number in sorted({number + more for number in decisions for more in (0, 1)}):
        answer = decisions.get(number, _ALLOWED)
        if answer != found[-1][1]:
            found.append((number, answer))
    return found


def _halve(stretches: list[tuple[int, tuple[_Step, ...]]]) -> list[_Step]:
    if len(stretches) == 1:
        return list(stretches[0][1])
    middle = len(stretches) // 2
    below, above = _halve(stretches[:middle]), _halve(stretches[middle:])
    return [(_JGE, stretches[middle][0], len(below), 0), *below, *above]
