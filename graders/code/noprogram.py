"""How interpreters say that a file is no program at all: to a judge that is a compile error, not a crash.

Compiled languages say so before anything runs. An interpreter says it instead of the first line of output, on standard
error, each in its own words. A program can print the same words; it only trades one way of being wrong for another.
"""

import re

_WORDS: dict[str, re.Pattern[bytes]] = {
    # Unlike an error while it runs, without the word "Traceback".
    "python": re.compile(rb'\A  File "(?s:.*)\n(?:SyntaxError|IndentationError|TabError): [^\n]*\s*\Z'),
    "javascript": re.compile(
        rb"\nSyntaxError: [^\n]*\n\s+at (?:internalCompileFunction|wrapSafe|compileSourceTextModule|ModuleLoader)"
    ),
    # "syntax error at main.pl line 1, near ..." comes before it; a program can die with those words by chance.
    "perl": re.compile(rb"^Execution of \S+ aborted due to compilation errors\.", re.MULTILINE),
    "ruby": re.compile(rb"\A\S*main\.rb:\d+: syntax error|\A\S*main\.rb: --> "),
    "php": re.compile(rb"\A(?:PHP )?Parse error: ", re.MULTILINE),
    "lua": re.compile(rb"\A\S*lua\S*: main\.lua:\d+: [^\n]* near "),
    "r": re.compile(rb"\AError: unexpected "),
    "java": re.compile(rb"\AError: (?:Main method not found|Could not find or load main class) "),
}
_WORDS["typescript"] = _WORDS["javascript"]
_LOOKED_AT_BYTES = 16 * 1024


def is_no_program(language: str, exit_code: int | None, stdout: bytes, stderr: bytes) -> bool:
    """Whether a run ended because the interpreter could not even read the file."""
    words = _WORDS.get(language)
    if words is None or not exit_code or stdout:
        return False
    return words.search(stderr[:_LOOKED_AT_BYTES]) is not None
