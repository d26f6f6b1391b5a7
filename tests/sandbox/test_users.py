"""A user id is one jail's at a time, and comes back when its owner ends, however it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import JailUnavailable
from sandbox.users import COUNT, FIRST, JailUser

TAKE = """
import sys, time
from pathlib import Path
from sandbox.users import JailUser
users = [JailUser(Path(sys.argv[1])) for _ in range(int(sys.argv[2]))]
print(*(user.id for user in users), flush=True)
time.sleep(60)
"""


def test_no_id_is_given_twice_while_it_is_held(tmp_path: Path) -> None:
    """Two processes take half of all there are; each has its own, within the range, and a dead owner's are free."""
    users: list[JailUser] = []
    other = subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path), str(500)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        theirs = set(map(int, other.stdout.readline().split()))
        users = [JailUser(tmp_path) for _ in range(500)]
        ours = {user.id for user in users}
        assert len(theirs) == len(ours) == 500
        assert not theirs & ours
        assert min(theirs | ours) >= FIRST
        assert max(theirs | ours) < FIRST + COUNT
    finally:
        other.kill()
        other.communicate()
        for user in users:
            user.release()
    again = [JailUser(tmp_path) for _ in range(900)]
    assert len({user.id for user in again}) == 900
    for user in again:
        user.release()


def test_a_folder_that_cannot_be_made_is_no_jail(tmp_path: Path) -> None:
    """It is said, and no id is used that another jail could have."""
    (tmp_path / "file").touch()
    with pytest.raises(JailUnavailable, match="user id"):
        JailUser(tmp_path / "file" / "users")
