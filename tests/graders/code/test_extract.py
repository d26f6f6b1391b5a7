"""What the program in a completion is."""

import time

import pytest

from graders.code.extract import extract

FENCED = "Sure:\n```python\nprint(1)\n```\nDone."


@pytest.mark.parametrize(
    ("completion", "code", "language", "how"),
    [
        (FENCED, "print(1)\n", "python", "fenced"),
        ("```py\nprint(1)\n```", "print(1)\n", "python", "fenced"),
        ("~~~python\nprint(1)\n~~~", "print(1)\n", "python", "fenced"),
        ("````python\nx = '```'\n````", "x = '```'\n", "python", "fenced"),
        ("- first\n  ```python\n  print(1)\n  ```", "print(1)\n", "python", "fenced"),
        ("```c++\nint main(){}\n```", "int main(){}\n", "cpp", "fenced"),
        ("```golang\nfunc main(){}\n```", "func main(){}\n", "go", "fenced"),
        ("```rust,ignore\nfn main(){}\n```", "fn main(){}\n", "rust", "fenced"),
        ("```python\nprint(1)", "print(1)\n", "python", "unterminated"),
        ("```python\nprint(1)```", "print(1)\n", "python", "fenced"),
        ("```python\nold()\n```\nBetter:\n```python\nnew()\n```", "new()\n", "python", "fenced"),
        ("```python\nx = 1\n```\nOutput:\n```text\n1\n```", "x = 1\n", "python", "fenced"),
        ("```python\nx = 1\n```\nRun it:\n```bash\npython x.py\n```", "x = 1\n", "python", "fenced"),
        ("```\nprint(1)\n```", "print(1)\n", "python", "fenced"),
        ("<think>```python\nbad()\n```</think>```python\ngood()\n```", "good()\n", "python", "fenced"),
        ("<answer>```python\nprint(1)\n```</answer>", "print(1)\n", "python", "fenced"),
        ("import sys\nprint(sys.stdin.read())", "import sys\nprint(sys.stdin.read())\n", "python", "bare"),
        (
            "The solution is\n\nimport sys\nprint(1)\n\nThis works because of that.",
            "import sys\nprint(1)\n",
            "python",
            "bare",
        ),
        ("```python\r\nprint(1)\r\n```", "print(1)\n", "python", "fenced"),
    ],
)
def test_a_program_is_found(completion: str, code: str, language: str, how: str) -> None:
    """Each row is one way models write programs."""
    found = extract(completion)
    assert found is not None
    assert (found.code, found.language, found.how) == (code, language, how)


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "   \n",
        "I don't know.",
        "The answer is 42.",
        "No",
        "x",
        "<think>```python\nprint(1)\n```",
        "<think>print(1)</think>",
        "```text\n3\n```",
        "```python\n\n```",
    ],
)
def test_no_code_is_no_code(completion: str) -> None:
    """Prose, empty fences, and thoughts that never end leave nothing to run."""
    assert extract(completion) is None


def test_the_tasks_language_chooses_among_fences() -> None:
    """The last block is Java, but C++ was asked for."""
    completion = "```cpp\nint main(){}\n```\nIn Java:\n```java\nclass Main{}\n```"
    found = extract(completion, language="C++")
    assert found is not None
    assert found.language == "cpp"
    assert extract(completion, language="rust") is None


def test_helpers_in_an_earlier_block_are_joined() -> None:
    """The block with the function lacks a name that an earlier block defines."""
    completion = "```python\ndef half(x):\n    return x // 2\n```\nand\n```python\ndef f(x):\n    return half(x)\n```"
    found = extract(completion, entry_point="f")
    assert found is not None
    assert found.how == "joined"
    assert "def half" in found.code and "def f" in found.code


def test_an_earlier_attempt_is_not_joined() -> None:
    """A complete last block stands alone: what an earlier one prints must not appear."""
    completion = "```python\nprint(input())\n```\nOr:\n```python\nn = input()\nprint(n)\n```"
    found = extract(completion)
    assert found is not None
    assert found.code == "n = input()\nprint(n)\n"


def test_the_block_that_defines_the_function_wins_over_its_usage() -> None:
    """Models like to end with an example call."""
    completion = "```python\ndef add(a, b):\n    return a + b\n```\nUsage:\n```python\nprint(add(1, 2))\n```"
    found = extract(completion, entry_point="add")
    assert found is not None
    assert found.code.startswith("def add")


PROMPT = 'from typing import List\n\n\ndef total(xs: List[int]) -> int:\n    """Sum."""\n'


@pytest.mark.parametrize("prompt", [PROMPT, f"Complete the function:\n```python\n{PROMPT}```"])
@pytest.mark.parametrize(
    "completion", ["    return sum(xs)\n", "```python\n    return sum(xs)\n```", "\n    return sum(xs)\n\nprint(1)"]
)
def test_a_function_body_continues_the_prompt(prompt: str, completion: str) -> None:
    """HumanEval's form, bare or fenced, behind a plain or a fenced prompt."""
    found = extract(completion, prompt, entry_point="total")
    assert found is not None
    assert found.how == "continued"
    assert found.code.startswith("from typing import List")
    assert "return sum(xs)" in found.code


def test_a_whole_function_does_not_continue_the_prompt() -> None:
    """The completion repeats the signature, so the prompt's half function must not come before it."""
    found = extract("```python\ndef total(xs):\n    return sum(xs)\n```", PROMPT, entry_point="total")
    assert found is not None
    assert found.how == "fenced"


def test_a_body_in_braces_continues_the_prompt() -> None:
    """Other languages: it closes more braces than it opens."""
    found = extract("    return a + b;\n}\n", "int add(int a, int b) {\n", "cpp", "add")
    assert found is not None
    assert found.code == "int add(int a, int b) {\n    return a + b;\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        "`" * 500_000,
        "```" + " " * 500_000 + "x",
        "```python\n" * 50_000,
        "fn " * 150_000,
        "from import " * 50_000,
        "Aaaa " * 100_000 + "?",
        "\n" * 500_000,
        " \t" * 250_000 + "x = 1",
        "<answer>" * 60_000,
        "```python\n" + "-" * 400_000 + "1\n```",
        "(" * 500_000,
        "if x:\n" * 40_000,
        "def f(" + "a," * 200_000,
    ],
)
@pytest.mark.parametrize("language", [None, "python", "rust"])
def test_half_a_megabyte_of_anything_takes_little_time(text: str, language: str | None) -> None:
    """No pattern here backtracks over the whole text again and again, and no parser is driven to its death."""
    started = time.process_time()
    extract(text, "def f(a):\n", language, "add")
    assert time.process_time() - started < 5
