"""A jail's control group goes when the jail does, also when its last processes take their time to end."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from sandbox.cgroup import JailCgroup, sweep_cgroups
from sandbox.limits import MIB


def test_removal_waits_for_the_last_process() -> None:
    """A group with a process that is about to end is gone afterwards; where no group can be made there is none."""
    group = JailCgroup.make(f"touchstone-{os.getpid()}-test", 64 * MIB)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    group.add(sleeper.pid)
    timer = threading.Timer(0.2, sleeper.kill)
    timer.start()
    group.remove()
    timer.join()
    sleeper.wait(5)
    assert [folder for folder in group.folders if folder.exists()] == []


def test_a_sweep_takes_groups_of_dead_owners_only() -> None:
    """A group is named after its owner's process."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(10)
    orphan = JailCgroup.make(f"touchstone-{dead.pid}-0", 64 * MIB)
    owned = JailCgroup.make(f"touchstone-{os.getpid()}-sweep", 64 * MIB)
    try:
        sweep_cgroups()
        assert [folder for folder in orphan.folders if folder.exists()] == []
        assert all(folder.exists() for folder in owned.folders)
    finally:
        owned.remove()


def test_without_a_bound_no_group_is_made() -> None:
    """Nothing is asked of the kernel."""
    before = set(Path("/sys/fs/cgroup").glob("*/touchstone-none-*"))
    assert JailCgroup.make("touchstone-none-0", None) == JailCgroup()
    assert set(Path("/sys/fs/cgroup").glob("*/touchstone-none-*")) == before
