"""Asserts in another language than Python: test code in the candidate's language, compiled and run together with it.

HumanEval-X writes tests so: a main function with asserts for C++, a class Main for Java, calls of console.assert for
JavaScript, test functions for Go and Rust. They share the candidate's process, so the verdict's integrity is "weak",
and a task that requires integrity is refused. What counts is never the exit status: a random word is compiled in behind
the last assert, and only output with that line, from a process that ended normally, is a pass. An early exit, however
successful it looks, does not print it; finding it in one's own machine code is the tampering that weak integrity means.

The tests are one test: they stop at their first failure.
"""

import re
import secrets
from collections.abc import Callable

from graders.code.dialogue import head, how_it_ended, tail
from graders.code.harness import jail_file, java_main_class
from graders.errors import GraderFault, TaskInvalid
from graders.verdict import JsonValue, TestOutcome, TestResult
from sandbox.limits import Limits
from sandbox.run import Program, Run
from sandbox.runner import Candidate


class Appended:
    """A candidate with tests behind it, and the word that only the end of the tests prints."""

    def __init__(self, language: str, code: str, source: str) -> None:
        """Raises: TaskInvalid when tests of that language cannot be appended, or hold no test."""
        if language not in _WAYS:
            raise TaskInvalid("unsupported", f"asserts cannot be run in {language}")
        self._word = f"touchstone-{secrets.token_hex(16)}"
        files, main = _WAYS[language](code.replace("\r\n", "\n"), source.replace("\r\n", "\n"), self._word)
        self.program = Program(
            language, {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}, main
        )

    def run(self, candidate: Candidate, limits: Limits) -> TestResult:
        """Run the tests. Raises: SandboxFault; GraderFault."""
        run = next(iter(candidate.run([Run()], limits)), None)
        if run is None:
            raise GraderFault("the sandbox gave no outcome")
        outcome, explain = how_it_ended(run)
        if outcome is TestOutcome.ACCEPTED and self._word.encode() not in run.stdout.split(b"\n"):
            outcome = TestOutcome.RUNTIME_ERROR
            explain = {"ended": "exited with status 0 before the tests were over", "stderr": tail(run.stderr)}
        elif outcome is TestOutcome.RUNTIME_ERROR and _ASSERTION.search(run.stderr + run.stdout):
            outcome = TestOutcome.WRONG_ANSWER
        if outcome is not TestOutcome.ACCEPTED:
            said: dict[str, JsonValue] = {"stdout": head(run.stdout).replace(self._word, "")}
            explain = said | explain
        return TestResult(0, outcome, run.cpu_s, run.memory_bytes, explain)


# What a failed assertion prints, in any of the languages.
_ASSERTION = re.compile(rb"Assertion|AssertionError|assertion .*failed|--- FAIL", re.IGNORECASE)

_Files = tuple[dict[str, str], str]


def _cpp(code: str, source: str, word: str) -> _Files:
    body, brace = _main_of(source)
    renamed = re.sub(r"\bmain\s*\(", "touchstone_tests(", source[body:brace], count=1)
    tests = f"{source[:body]}{renamed}\nreturn 0;\n{source[brace:]}"
    text = (
        "#include <cstdio>\n#include <cstdlib>\n"
        f"#define main touchstone_candidates_main\n{code}\n#undef main\n{tests}\n"
        f'int main() {{ int status = touchstone_tests(); if (status == 0) {{ std::fputs("\\n{word}\\n", stdout); }} '
        "return status; }\n"
    )
    return {"main.cpp": text}, "main.cpp"


def _main_of(source: str) -> tuple[int, int]:
    """Where a test's main function begins, and the place of its last brace."""
    found = re.search(r"\b(?:int|void|auto)\s+main\s*\(", source)
    if found is None:
        raise TaskInvalid("no_tests", "the tests hold no main function")
    brace = _closing_brace(source, found.end())
    if brace is None:
        raise TaskInvalid("bad_tests", "the tests' main function has no end")
    return found.start(), brace


def _closing_brace(source: str, at: int) -> int | None:
    """The brace that closes the first block behind a place, text and comments passed over."""
    depth = 0
    token = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/|[{}]', re.DOTALL)
    for match in token.finditer(source, at):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return None


def _java(code: str, source: str, word: str) -> _Files:
    """The tests keep their own main class; ours calls it and survives only if it does."""
    tests_main = java_main_class(source)
    text = re.sub(
        r"^([ \t]*)public\s+(?=(?:(?:final|abstract)\s+)*class\b)", r"\1", f"{code}\n{source}", flags=re.MULTILINE
    )
    text = _imports_first(text)
    launcher = (
        "public class TouchstoneLauncher {\n    public static void main(String[] arguments) throws Exception {\n"
        f"        {tests_main}.main(new String[0]);\n"
        f'        System.out.println("\\n{word}");\n        System.out.flush();\n'
        "    }\n}\n"
    )
    return {"TouchstoneLauncher.java": launcher, "Candidate.java": text}, "TouchstoneLauncher.java"


def _imports_first(text: str) -> str:
    """Java wants imports in front of all else; behind a joint they are not."""
    pattern = re.compile(r"^[ \t]*import\s+[\w.*\s]+;[ \t]*$", re.MULTILINE)
    imports = list(dict.fromkeys(match.strip() for match in pattern.findall(text)))
    return "\n".join([*imports, pattern.sub("", text)])


def _javascript(code: str, source: str, word: str) -> _Files:
    """console.assert only prints; here it throws. The word is printed when nothing is left to run."""
    guard = (
        ";{ const fail = (said) => { process.exitCode = 1; throw new Error('Assertion failed: ' + said); };\n"
        "console.assert = (held, ...said) => { if (!held) fail(said.join(' ')); }; }\n"
    )
    last = f"\n;process.once('beforeExit', (status) => {{ if (!status) process.stdout.write('\\n{word}\\n'); }});\n"
    return {"main.js": f"{code}\n{guard}{source}{last}"}, "main.js"


_GO_PATHS = (
    "bufio bytes container/heap container/list crypto/md5 crypto/sha256 encoding/hex encoding/json errors fmt maps "
    "math math/big math/bits math/cmplx math/rand os reflect regexp slices sort strconv strings sync testing time "
    "unicode unicode/utf8"
)
_GO_PACKAGES = {path.rpartition("/")[2]: path for path in _GO_PATHS.split()}
_GO_IMPORT = re.compile(r'^import\s*(?:\([^)]*\)|[\w.]*\s*"[^"\n]*")[ \t]*\n?', re.MULTILINE)


def go_file(code: str) -> str:
    """A Go file of package main: its imports gathered in front, those it uses without importing added.

    An import that nothing uses is left out, where the tests brought it; the compiler would refuse the file.
    """
    body = re.sub(r"^package\s+\w+[ \t]*$", "", code, flags=re.MULTILINE)
    named: dict[str, str] = {}
    for clause in _GO_IMPORT.findall(body):
        for name, path in re.findall(r'([\w.]*)[ \t]*"([^"\n]+)"', clause):
            word = "" if name == "import" else name
            named[path] = word
    body = _GO_IMPORT.sub("", body)
    bare = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|`[^`]*`', " ", body, flags=re.DOTALL)
    uses = set(re.findall(r"\b([a-z]\w*)\.[A-Z]", bare))
    for word in uses:
        path = _GO_PACKAGES.get(word)
        declared = re.search(rf"\b{word}\s*(?::=|,[^\n=]*:=)|\bvar\s+{word}\b|[(,]\s*{word}\s+[\w*\[]", bare)
        if path and path not in named and not declared:
            named[path] = ""
    kept = {
        path: word for path, word in named.items() if (word or path.rpartition("/")[2]) in uses or word in ("_", ".")
    }
    lines = "".join(f'\t{word} "{path}"\n' for path, word in sorted(kept.items()))
    return f"package main\n\nimport (\n{lines})\n{body}\n" if kept else f"package main\n{body}\n"


def _go(code: str, source: str, word: str) -> _Files:
    tests = re.findall(r"^func\s+(Test\w*)\s*\(", source, re.MULTILINE)
    if not tests:
        raise TaskInvalid("no_tests", "the tests hold no test function")
    source = re.sub(r'^[ \t]*(?:import\s+)?"github\.com/stretchr/testify/\w+"[ \t]*$', "", source, flags=re.MULTILINE)
    rows = "".join(f'\t\t{{Name: "{name}", F: watched({name})}},\n' for name in tests)
    # testing.Main ends the process itself, so the word is printed by a test of ours behind the others.
    main = (
        'package main\n\nimport (\n\t"os"\n\t"testing"\n)\n\n'
        "func main() {\n\tpassed := 0\n"
        "\twatched := func(test func(*testing.T)) func(*testing.T) {\n"
        "\t\treturn func(t *testing.T) {\n\t\t\ttest(t)\n"
        "\t\t\tif !t.Failed() {\n\t\t\t\tpassed++\n\t\t\t}\n\t\t}\n\t}\n"
        "\ttests := []testing.InternalTest{\n"
        f"{rows}\t}}\n"
        '\ttests = append(tests, testing.InternalTest{Name: "TouchstoneLast", F: func(t *testing.T) {\n'
        f"\t\tif passed == {len(tests)} {{\n"
        f'\t\t\tos.Stdout.WriteString("\\n{word}\\n")\n\t\t}}\n\t}}}})\n'
        "\ttesting.Main(func(pat, str string) (bool, error) { return true, nil }, tests, nil, nil)\n}\n"
    )
    candidate = re.sub(r"^func\s+main\s*\(\s*\)", "func touchstoneCandidatesMain()", code, flags=re.MULTILINE)
    files = {"main.go": main, "solution.go": go_file(candidate), "tests.go": go_file(source)}
    files["asserts.go"] = jail_file("go_asserts.go").decode()
    return files, "main.go"


def _rust(code: str, source: str, word: str) -> _Files:
    """Test functions become plain public ones that main calls in order."""
    module = re.search(r"\bmod\s+(\w+)\s*\{", source)
    names = re.findall(r"#\[test\]\s*(?:#\[[^\]]*\]\s*|//[^\n]*\n\s*)*(?:pub\s+)?fn\s+(\w+)", source)
    if not names:
        raise TaskInvalid("no_tests", "the tests hold no test function")
    source = re.sub(r"#\[cfg\(test\)\]", "", source)
    for name in names:
        source = re.sub(rf"(?:pub\s+)?fn\s+{name}\b", f"pub fn {name}", source, count=1)
    source = source.replace("#[test]", "")
    inside = f"{module.group(1)}::" if module else ""
    calls = "".join(f"    {inside}{name}();\n" for name in names)
    code = re.sub(r"\bfn\s+main\s*\(\s*\)", "fn touchstone_candidates_main()", code)
    crates = rust_crates(code + source)
    code = re.sub(
        r"^[ \t]*use\s+(?:rand|regex|md5)\s*;", "", code, flags=re.MULTILINE
    )  # Modules are in scope as they are.
    main = f'fn main() {{\n{calls}    println!("\\n{word}");\n}}\n'
    return {"main.rs": f"#![allow(warnings)]\n{code}\n{source}\n{crates}\n{main}"}, "main.rs"


def rust_crates(text: str) -> str:
    """Stand-ins for the crates that a program names, for those that it does not bring itself."""
    whole = jail_file("rust_crates.rs").decode()
    modules = re.split(r"(?m)^(?=#\[allow\(dead_code\)\])", whole)[1:]
    wanted = []
    for module in modules:
        name = re.search(r"^mod (\w+)", module, re.MULTILINE)
        if name and re.search(rf"\buse\s+{name.group(1)}\b|\b{name.group(1)}::", text):
            wanted.append(module)
    return "\n".join(wanted)


_WAYS: dict[str, Callable[[str, str, str], _Files]] = {
    "cpp": _cpp,
    "java": _java,
    "javascript": _javascript,
    "go": _go,
    "rust": _rust,
}
