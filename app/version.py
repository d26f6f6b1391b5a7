"""Which release this is, and which grader: a verdict is the same for the same item and grader version."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

SERVICE = version("touchstone")


@cache
def _grader() -> str:
    """The release and a digest of every source file that a verdict depends on."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for folder in ("graders", "sandbox"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".py", ".toml", ".c"} and "__pycache__" not in path.parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{SERVICE}+{digest.hexdigest()[:12]}"


GRADER = _grader()
