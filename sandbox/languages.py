"""The table of languages (languages.toml) as values, and the commands that it means for one program.

Says nothing about which languages a jail really has; the pool asks the jail.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.run import Program

_TABLE = Path(__file__).with_name("languages.toml")

# Modules that have a zygote of their own, heaviest last; see agent.zygote.FLAVOURS.
_SCIENCE = re.compile(rb"^[ \t]*(?:import|from)[ \t]+[^#\n]*\b(?:scipy|pandas|sympy|networkx|sklearn)\b", re.MULTILINE)
_NUMPY = re.compile(rb"^[ \t]*(?:import|from)[ \t]+[^#\n]*\bnumpy\b", re.MULTILINE)
_INCLUDE = re.compile(rb"^[ \t]*#[ \t]*include[ \t]*[<\"]([^>\"\n]+)[>\"]", re.MULTILINE)
_JAVA_PUBLIC = re.compile(rb"\bpublic\s+(?:(?:final|abstract|strictfp)\s+)*(?:class|interface|enum|record)\s+(\w+)")
_JAVA_TYPE = re.compile(rb"\b(?:class|interface|enum|record|object)\s+(\w+)")
_JAVA_MAIN = re.compile(
    rb"\bstatic\s+(?:final\s+)?(?:synchronized\s+)?void\s+main\s*\(|\bdef\s+main\s*\(|\bextends\s+App\b"
)
_JAVA_PACKAGE = re.compile(rb"^\s*package\s+([\w.]+)\s*;?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Language:
    """One table of languages.toml; the file's head describes the fields."""

    name: str
    source: str
    extensions: tuple[str, ...]
    needs: tuple[str, ...]
    run: tuple[str, ...]
    hello: str
    compile: tuple[str, ...] = ()
    libraries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zygote: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    memory_extra_mib: int = 0
    processes_extra: int = 0
    compile_cpu_s: float | None = None


@cache
def read_languages() -> Mapping[str, Language]:
    """Every language of the table, by name, in the table's order."""
    with _TABLE.open("rb") as file:
        table = tomllib.load(file)
    return {name: _read_row(name, row) for name, row in table.items()}


def _read_row(name: str, row: Mapping[str, Any]) -> Language:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    values["libraries"] = {header: tuple(flags) for header, flags in row.get("libraries", {}).items()}
    return Language(name=name, **values)


@dataclass(frozen=True, slots=True)
class Placed:
    """A program with every file named, ready for its commands."""

    language: Language
    files: Mapping[str, bytes]
    main: str

    def fill(self, command: tuple[str, ...], memory_bytes: int) -> list[str]:
        """The command with its placeholders replaced."""
        filled: list[str] = []
        values = {
            "{main}": self.main,
            "{stem}": str(PurePosixPath(self.main).with_suffix("")),
            "{memory_mib}": str(max(16, memory_bytes // 2**20)),
        }
        for word in command:
            if word == "{sources}":
                filled += self._sources()
                continue
            if word == "{libraries}":
                filled += self._libraries()
                continue
            if "{class}" in word:
                word = word.replace("{class}", self._main_class())
            for name, value in values.items():
                word = word.replace(name, value)
            filled.append(word)
        return filled

    def flavour(self) -> str:
        """The zygote that has what the program imports."""
        sources = [content for name, content in self.files.items() if name.endswith(".py")]
        if any(_SCIENCE.search(source) for source in sources):
            return "science"
        return "numpy" if any(_NUMPY.search(source) for source in sources) else "plain"

    def _sources(self) -> list[str]:
        sisters = [name for name in self.files if name != self.main and name.endswith(self.language.extensions)]
        # "./" keeps a name that begins with a dash from being read as an option.
        return [name if name[0].isalnum() else f"./{name}" for name in (self.main, *sorted(sisters))]

    def _libraries(self) -> list[str]:
        """What to link for the headers that the program includes."""
        included = {name.decode("utf-8", "replace") for file in self.files.values() for name in _INCLUDE.findall(file)}
        flags: list[str] = []
        for header, wanted in self.language.libraries.items():
            if any(name == header or (header.endswith("/") and name.startswith(header)) for name in included):
                flags += [flag for flag in wanted if flag not in flags]
        return flags

    def _main_class(self) -> str:
        """The class whose main method starts the program: the last type declared before the first main method."""
        for name in (self.main, *sorted(self.files)):
            source = _without_comments(self.files[name])
            found = _JAVA_MAIN.search(source)
            if found is None or not name.endswith(self.language.extensions):
                continue
            # "extends App" stands right after its own object's name.
            types = _top_level_types(source)
            before = [text for at, text in types if at < found.start()] or [text for _, text in types]
            if not before:
                continue
            package = _JAVA_PACKAGE.search(source)
            prefix = package.group(1).decode() + "." if package else ""
            return prefix + before[-1]
        return str(PurePosixPath(self.main).stem)


def place(program: Program, language: Language) -> Placed:
    """Name the files of a program.

    A single nameless file takes the language's usual name; in Java the public class gives the name, as the compiler
    demands.
    Raises: ValueError when a name is empty, absolute, climbs with "..", or the main file is not among the files.
    """
    files = dict(program.files)
    for name in files:
        check_name(name)
    if not files:
        raise ValueError("a program needs at least one file")
    main = program.main
    if not main:
        if len(files) != 1:
            raise ValueError("which file is the main one?")
        (main,) = files
    if main not in files:
        raise ValueError("the main file is not among the files")
    if language.name == "java":
        main = _name_java(files, main)
    elif not main.endswith(language.extensions) and len(files) == 1:
        files = {language.source: files[main]}
        main = language.source
    return Placed(language, files, main)


def check_name(name: str) -> None:
    """Refuse file names that could leave the work folder.

    Raises: ValueError.
    """
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") for part in parts) or "\0" in name or len(name.encode()) > 200:
        raise ValueError("file names are relative, without '..', and at most 200 bytes long")


def _name_java(files: dict[str, bytes], main: str) -> str:
    public = _JAVA_PUBLIC.search(_without_comments(files[main]))
    wanted = f"{public.group(1).decode()}.java" if public else (main if main.endswith(".java") else "Main.java")
    folder = str(PurePosixPath(main).parent)
    target = wanted if folder == "." else f"{folder}/{wanted}" if public else wanted
    if target != main and target not in files:
        files[target] = files.pop(main)
        return target
    return main


def _without_comments(source: bytes) -> bytes:
    """Java source with comments and literals blanked, so that words in them are not taken for declarations."""
    pattern = rb'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda found: b" " * len(found.group()), source, flags=re.DOTALL)


def _top_level_types(source: bytes) -> list[tuple[int, str]]:
    """Types declared outside any other type, in order, with their places."""
    types: list[tuple[int, str]] = []
    depth = at = 0
    for found in _JAVA_TYPE.finditer(source):
        depth += source.count(b"{", at, found.start()) - source.count(b"}", at, found.start())
        at = found.start()
        if depth == 0:
            types.append((found.start(), found.group(1).decode()))
    return types
