"""Run by root in front of bubblewrap: joins control groups, shows folders where the jail's user can reach them, and
becomes that user for good.

Bubblewrap opens what it shows by path and as its own user, who may not walk into root's home, where toolchains and
caches often lie. So in a private mount namespace each folder is bound beneath /mnt first. Usage:

    python enter.py USER GROUP_FILE... -- FOLDER... -- COMMAND...

In the command "@N" stands for the path of the N-th folder; a first word "+N" names the folder of its libraries.
"""

import ctypes
import os
import sys

_NEW_MOUNT_NAMESPACE = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_STAGE = "/mnt"


def main(arguments: list[str]) -> None:
    """See the module."""
    user = int(arguments[0])
    groups_end = arguments.index("--")
    folders_end = arguments.index("--", groups_end + 1)
    for file in arguments[1:groups_end]:
        with open(file, "w") as group:
            group.write(str(os.getpid()))
    library = ctypes.CDLL(None, use_errno=True)

    def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
        encoded = [None if text is None else text.encode() for text in (source, target, kind, data)]
        if library.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]) != 0:
            raise OSError(ctypes.get_errno(), f"mount {target}: {os.strerror(ctypes.get_errno())}")

    if library.unshare(_NEW_MOUNT_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    mount("tmpfs", _STAGE, "tmpfs", 0, "mode=0755,size=64k")
    paths: list[str] = []
    for index, folder in enumerate(arguments[groups_end + 1 : folders_end]):
        path = f"{_STAGE}/{index}"
        if os.path.isdir(folder):
            os.mkdir(path)
        else:
            with open(path, "w"):
                pass
        mount(folder, path, None, _MS_BIND | _MS_REC)
        paths.append(path)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    words = arguments[folders_end + 1 :]
    environment = {"LD_LIBRARY_PATH": paths[int(words.pop(0)[1:])]} if words[0][:1] == "+" else {}
    command = [paths[int(word[1:])] if word[:1] == "@" else word for word in words]
    os.execve(command[0], command, environment)  # noqa: S606 - no shell is the point.


if __name__ == "__main__":
    main(sys.argv[1:])
