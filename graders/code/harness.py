"""The programs that go into jails: a candidate together with the driver that calls it.

The drivers are files under jail/, read as data and never imported. Which message means what stands in
jail/python_driver.py; the drivers of other languages speak its "load" and "call" only, with plain JSON values.
"""

import marshal
import re
from functools import cache
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import sortedcontainers

from graders.errors import GraderFault
from sandbox.run import Program

_HERE = Path(__file__).parent


@cache
def jail_file(name: str) -> bytes:
    """One of the files under jail/."""
    return (_HERE / "jail" / name).read_bytes()


@cache
def vendor_file(name: str) -> bytes:
    """One of the files under vendor/."""
    return (_HERE / "vendor" / name).read_bytes()


@cache
def jail_program(name: str) -> bytes:
    """A Python file under jail/ with values.py in front, in place of its import: both ends use the same notation."""
    rest, imports = re.subn(rb"(?m)^from graders\.code\.values import .*\n", b"", jail_file(name))
    if imports != 1:
        raise GraderFault(f"jail/{name} does not import the notation on one line")
    return (_HERE / "values.py").read_bytes() + rest


# Compiling a driver takes longer than most tests, so it travels compiled as well; an interpreter of another version
# compiles the text.
_LOADER = b"""\
import marshal
from _frozen_importlib_external import MAGIC_NUMBER

with open("touchstone.bin", "rb") as file:
    code = file.read()
if code[:4] == MAGIC_NUMBER:
    code = marshal.loads(code[4:])
else:
    with open("touchstone.py", "rb") as file:
        code = compile(file.read(), "touchstone.py", "exec", dont_inherit=True)
exec(code)
"""


@cache
def _program_files(name: str) -> dict[str, bytes]:
    text = jail_program(name)
    code = marshal.dumps(compile(text, "touchstone.py", "exec", dont_inherit=True))
    return {"main.py": _LOADER, "touchstone.py": text, "touchstone.bin": MAGIC_NUMBER + code}


def python_driver(code: str) -> Program:
    """A Python solution behind the driver."""
    files = {**_program_files("python_driver.py"), "solution.py": as_file(code), **_offered(code)}
    return Program("python", files, main="main.py")


def assert_harness() -> Program:
    """The program that runs trusted tests; which tests is said over the channel, never in a file."""
    files = {**_program_files("assert_harness.py"), "touchstone_pytest.py": jail_file("touchstone_pytest.py")}
    return Program("python", files, main="main.py")


def one_process(code: str) -> Program:
    """The same program with the candidate in its own process, for tests that cannot go by value."""
    program = assert_harness()
    files = {**program.files, "touchstone_driver.py": jail_program("python_driver.py"), "solution.py": as_file(code)}
    return Program("python", {**files, **_offered(code)}, main="main.py")


def whole_program(language: str, code: str) -> Program:
    """A program that reads its input and prints its answer."""
    name = f"main{_SUFFIXES.get(language, '.txt')}"
    if language == "java":
        name = f"{java_main_class(code)}.java"
    elif language == "javascript" and "require(" not in code and _ES_MODULE.search(code):
        name = "main.mjs"
    offered = _offered(code) if language == "python" else {}
    return Program(language, {name: as_file(code)} | offered, main=name)


# Node takes such a file for a module only by its name.
_ES_MODULE = re.compile(
    r"^[ \t]*(?:import\b[ \t]*(?:[\w$*{][^\n;]*\bfrom\b[ \t]*)?['\"]"
    r"|export\b[ \t]+(?:default|const|function|class|\{))",
    re.MULTILINE,
)


def java_main_class(code: str) -> str:
    """The class whose name the file must have: the public one, else the one that holds main, else Main."""
    public = re.search(
        r"^[ \t]*public\s+(?:(?:final|abstract|strictfp)\s+)*(?:class|record|enum|interface)\s+(\w+)", code, re.M
    )
    if public:
        return public.group(1)
    before_main = code[:at] if (at := code.find("void main")) >= 0 else ""
    classes = re.findall(r"\b(?:class|record|enum)\s+(\w+)", before_main)
    return classes[-1] if classes else "Main"


def as_file(code: str) -> bytes:
    """A program's text as its file holds it."""
    return code.encode("utf-8", "surrogatepass")


def _offered(code: str) -> dict[str, bytes]:
    """Third-party modules that contest sites offer to everybody, as files beside a program that names them."""
    return _sorted_containers() if re.search(r"\bSorted(?:List|Dict|Set|KeyList)\b|\bsortedcontainers\b", code) else {}


@cache
def _sorted_containers() -> dict[str, bytes]:
    folder = Path(sortedcontainers.__file__).parent
    return {f"sortedcontainers/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}


_SUFFIXES = {
    "python": ".py",
    "cpp": ".cpp",
    "c": ".c",
    "javascript": ".js",
    "typescript": ".ts",
    "java": ".java",
    "go": ".go",
    "rust": ".rs",
    "bash": ".sh",
    "csharp": ".cs",
    "kotlin": ".kt",
    "haskell": ".hs",
    "ruby": ".rb",
    "perl": ".pl",
    "php": ".php",
    "lisp": ".lisp",
    "ocaml": ".ml",
    "scala": ".scala",
    "swift": ".swift",
    "lua": ".lua",
    "r": ".r",
    "julia": ".jl",
    "pascal": ".pas",
    "prolog": ".pl",
    "fortran": ".f90",
    "ada": ".adb",
    "d": ".d",
    "dart": ".dart",
}
