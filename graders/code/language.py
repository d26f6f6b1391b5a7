"""Names of programming languages: from whatever a task or a code fence says to a table of sandbox/languages.toml.

It does not say which languages are installed; `Runner.languages` does.
"""

import re

_ALIASES: dict[str, tuple[str, ...]] = {
    "python": ("py", "python3", "py3", "python2", "python-3", "cpython", "ipython", "pypy", "pypy3", "sage"),
    "cpp": ("c++", "cxx", "cc", "g++", "c++11", "c++14", "c++17", "c++20", "c++23", "cpp11", "cpp14", "cpp17", "cpp20"),
    "c": ("c99", "c11", "c17", "gcc", "ansic"),
    "javascript": ("js", "node", "nodejs", "node.js", "ecmascript", "mjs", "cjs"),
    "typescript": ("ts", "tsx"),
    "java": ("openjdk", "java8", "java11", "java17"),
    "go": ("golang",),
    "rust": ("rs",),
    "bash": ("sh", "shell", "zsh"),
    "csharp": ("c#", "cs", "dotnet"),
    "kotlin": ("kt", "kts"),
    "haskell": ("hs",),
    "ruby": ("rb",),
    "perl": ("pl",),
    "php": (),
    "lisp": ("common-lisp", "commonlisp", "cl", "sbcl"),
    "ocaml": ("ml",),
    "scala": ("sc",),
    "swift": (),
    "lua": (),
    "r": ("rscript",),
    "julia": ("jl",),
    "pascal": ("pas", "fpc", "delphi"),
    "prolog": (),
    "fortran": ("f90", "f95"),
    "ada": (),
    "d": ("dlang",),
    "dart": (),
    "elixir": ("ex", "exs"),
    "erlang": ("erl",),
    "scheme": ("racket", "rkt"),
    "clojure": ("clj",),
    "nim": (),
    "zig": (),
    "sql": ("sqlite", "mysql", "postgresql"),
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}

# Fences that hold something to look at, never the program that was asked for.
_NOT_PROGRAMS = frozenset(
    [
        "text",
        "txt",
        "plaintext",
        "plain",
        "output",
        "stdout",
        "stderr",
        "console",
        "terminal",
        "log",
        "input",
        "stdin",
        "json",
        "yaml",
        "yml",
        "toml",
        "ini",
        "csv",
        "xml",
        "html",
        "css",
        "diff",
        "patch",
        "markdown",
        "md",
        "latex",
        "tex",
        "math",
        "mermaid",
        "dot",
        "graphviz",
        "make",
        "makefile",
        "dockerfile",
        "traceback",
    ]
)


def canonical(name: str) -> str:
    """The table's name of a language: "C++" is "cpp", "py" is "python"; an unknown name comes back in lower case."""
    lowered = name.strip().lower()
    return _NAMES.get(lowered, lowered)


def aliases(name: str) -> tuple[str, ...]:
    """Other names of a language of the table."""
    return _ALIASES.get(name, ())


def of_fence(info: str) -> str | None:
    """What a code fence's info string names.

    Args:
        info: what follows the backticks, for example "python", "{.cpp}", "rust,ignore" or "".

    Returns: a language's name; "" when it says nothing that we know; None for what is not a program.
    """
    word = re.split(r"[\s,;:{}]+", info.strip().strip("{}.").lower(), maxsplit=1)[0].lstrip(".")
    if word in _NOT_PROGRAMS:
        return None
    return _NAMES.get(word, "")
