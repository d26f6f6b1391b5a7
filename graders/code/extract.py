"""Completion text to the one program in it, by one written rule.

1. What stands before the last `</think>` is thought, not answer; a thought that never ends leaves no answer.
2. Of the fenced blocks in the wanted language the last one that can be the answer counts: for a function the last one
   that defines it, for a program the last one that is a program. Names it lacks are taken from earlier blocks. A fence
   that never closes (a completion cut off) ends with the text.
3. Without a fence, text that reads as code is code, in whole or from its first line that does.
4. A function's body, or the rest of it, is put behind the prompt that holds its beginning.

The wanted language is the task's, else that of the fence, else python. Code is never run here, and parsed (Python only,
by the compiler's own parser) only to see which names a block defines and needs. It does not repair code.
"""

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass

from graders.code.language import canonical, of_fence

PARSE_BYTES_MAX = 100_000
"""Longer blocks are taken as they are, without looking at the names in them."""

BLOCKS_MAX = 512
_TRIMS_MAX = 24
_FENCE = re.compile(r"^([ \t>]*)(`{3,}|~{3,})([^`\n]*)$")
_THINK = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_THINK_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.IGNORECASE | re.DOTALL)

_PYTHON_START = re.compile(
    r"^(?:(?:from\s+[\w.]+\s+import\s)|(?:import\s+\w)|(?:(?:async\s+)?def\s+\w+\s*\()|(?:class\s+\w+\s*[:(])|@\w|"
    r"(?:(?:if|elif|for|while|with|try|else)\b.*:\s*(?:#.*)?$)|(?:\w+(?:\s*,\s*\w+)*\s*(?:[-+*/|&^%]|//|\*\*|<<|>>)?=[^=])|"
    r"(?:[\w.]+\(.*\)\s*(?:#.*)?$)|(?:return\b|raise\b|assert\b|yield\b|print\b))"
)
_OTHER_CODE = re.compile(
    r"^[ \t]*(?:#include\b|#!/|using\s+namespace\b|package\s+\w+|import\s+[\w.*\"(]|public\s+(?:class|static)|"
    r"class\s+\w+|struct\s+\w+|(?:pub\s+)?fn\s+\w+|use\s+\w+(?:::|;)|impl\b|func\s+\w*|function\b|const\s+\w+|let\s+\w+|var\s+\w+|"
    r"(?:int|void|bool|double|float|char|auto|long|string|vector<.*>)\s+\w+\s*\(|<\?php|program\s+\w+|module\s+\w+)",
)


@dataclass(frozen=True, slots=True)
class Extracted:
    """A program found in a completion.

    Args:
        code: its text, ending in a newline.
        language: a language's name (language.canonical).
        how: "fenced", "joined" (of several blocks), "unterminated", "bare" or "continued" (behind the prompt).
    """

    code: str
    language: str
    how: str


@dataclass(frozen=True, slots=True)
class _Block:
    language: str | None  # None: not a program; "": the fence does not say.
    code: str
    closed: bool


def extract(completion: str, prompt: str = "", language: str | None = None, entry_point: str = "") -> Extracted | None:
    """The program in a completion.

    Args:
        completion: whatever the model wrote.
        prompt: what it was asked; used only when the completion continues code in it.
        language: the task's language, or None.
        entry_point: the name the tests call ("two_sum", "Solution.twoSum"), or "" for whole programs.

    Returns: None when there is no code in it.
    """
    wanted = canonical(language) if language else None
    root = entry_point.partition(".")[0].removesuffix("()").strip()
    text = _answer_text(completion)
    fenced = blocks(text)
    found = _from_fences(fenced, wanted, root) if fenced else _from_bare(text, wanted)
    if found is None:
        return None
    return _continue_prompt(found, prompt, root)


def _answer_text(completion: str) -> str:
    """The completion without its thought and without an answer tag around the rest."""
    text = completion.replace("\r\n", "\n")
    ends = list(_THINK_END.finditer(text))
    if ends:
        text = text[ends[-1].end() :]
    elif _THINK.match(text.lstrip()):
        return ""
    answers = [match.group(1) for match in _ANSWER.finditer(text)] if "<answer>" in text.lower() else []
    return answers[-1] if answers and answers[-1].strip() else text


def blocks(text: str) -> list[_Block]:
    """The fenced blocks of a Markdown text in order, indentation of the fence taken off their lines."""
    found: list[_Block] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines) and len(found) < BLOCKS_MAX:
        opening = _FENCE.match(lines[at])
        at += 1
        if opening is None:
            continue
        margin, fence, info = opening.groups()
        body: list[str] = []
        closed = False
        while at < len(lines):
            line = lines[at]
            closing = _FENCE.match(line)
            at += 1
            if closing and closing.group(2).startswith(fence) and not closing.group(3).strip():
                closed = True
                break
            if closing and closing.group(3) and of_fence(closing.group(3)) and not margin:
                at -= 1  # A new block opens: this one was never closed.
                break
            if line.rstrip().endswith(fence) and line.rstrip() != fence and line.count("`") == len(fence):
                body.append(line.rstrip()[: -len(fence)])  # "print(x)```": closed on the code's own line.
                closed = True
                break
            body.append(line.removeprefix(margin))
        found.append(_Block(of_fence(info), "\n".join(body) + "\n", closed))
    return found


def _from_fences(fenced: list[_Block], wanted: str | None, root: str) -> Extracted | None:
    candidates = [block for block in fenced if block.language is not None and block.code.strip()]
    named = [block for block in candidates if block.language and (wanted is None or _fits(block.language, wanted))]
    if wanted is None and named:
        wanted = _language_of_answer(named, root)
        named = [block for block in named if block.language == wanted]
    chosen = named or [block for block in candidates if not block.language]
    if not chosen:
        return None
    wanted = wanted or "python"
    return _choose(chosen, wanted, root)


def _fits(fence: str, wanted: str) -> bool:
    """Whether a fence's language may hold the wanted one: models write C++ under ```c and TypeScript under ```js."""
    near = {"cpp": {"c"}, "typescript": {"javascript"}, "javascript": {"typescript"}}
    return fence == wanted or fence in near.get(wanted, set())


def _language_of_answer(named: list[_Block], root: str) -> str:
    """The language of the last block; shell lines that show how to run it are no answer when there is another."""
    programs = [block for block in named if block.language != "bash"] or named
    if root:
        programs = [block for block in programs if _mentions(block.code, root)] or programs
    return programs[-1].language or "python"


def _choose(chosen: list[_Block], language: str, root: str) -> Extracted:
    last = chosen[-1]
    if root:
        last = next((block for block in reversed(chosen) if _defines(block.code, root, language)), last)
    elif language == "python":
        last = next((block for block in reversed(chosen) if _parse(block.code) is not None), last)
    else:
        last = next((block for block in reversed(chosen) if _is_program(block.code, language)), last)
    earlier = chosen[: chosen.index(last)]
    parts = _helpers(earlier, last, language, root)
    how = "joined" if parts else ("fenced" if last.closed else "unterminated")
    return Extracted("\n".join([*parts, last.code]), language, how)


def _helpers(earlier: list[_Block], last: _Block, language: str, root: str) -> list[str]:
    """The earlier blocks without which the last one is no program."""
    if not earlier:
        return []
    if language != "python":
        whole = _defines(last.code, root, language) if root else _is_program(last.code, language)
        return [] if whole else [block.code for block in earlier]
    missing = _missing_names(last.code)
    needed: list[str] = []
    for block in reversed(earlier):
        defined = _defined_names(block.code)
        if missing & defined:
            needed.insert(0, block.code)
            missing = (missing - defined) | _missing_names(block.code)
    return needed


def _is_program(code: str, language: str) -> bool:
    mains = {
        "cpp": r"\bmain\s*\(",
        "c": r"\bmain\s*\(",
        "java": r"\bmain\s*\(",
        "go": r"\bfunc\s+main\b",
        "rust": r"\bfn\s+main\b",
        "csharp": r"\bMain\s*\(|^\s*using\b",
        "kotlin": r"\bfun\s+main\b",
    }
    pattern = mains.get(language)
    return pattern is None or re.search(pattern, code, re.MULTILINE) is not None


def _mentions(code: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code) is not None


def _defines(code: str, name: str, language: str) -> bool:
    """Whether a block holds the definition of a name, judged by what stands before and after it."""
    word = re.escape(name)
    if language == "python":
        definition = rf"^[ \t]*(?:(?:async\s+)?def|class)\s+{word}\b|^{word}\s*(?::[^=\n]{{0,200}})?=(?!=)"
        imported = rf"^from\s[^\n]{{0,200}}\bimport\b[^\n]{{0,400}}\b{word}\b"
        return re.search(f"{definition}|{imported}", code, re.MULTILINE) is not None
    if language in ("javascript", "typescript"):
        return re.search(rf"(?:function\*?|class|const|let|var)\s+{word}\b|\b{word}\s*[=(:]", code) is not None
    keyword = r"\b(?:fn|func|class|struct|fun|def|impl)\b[^\n]{0,200}?"
    return re.search(rf"(?:{keyword}|[\w>\]&*]\s+[*&]?)\b{word}\b", code) is not None


def _parse(code: str) -> ast.Module | None:
    if len(code) > PARSE_BYTES_MAX:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of the candidate's escapes, which are none of our business.
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined_names(code: str) -> set[str]:
    """Names that a Python block binds at its outermost level."""
    tree = _parse(code)
    names: set[str] = set()
    for node in tree.body if tree else ():
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _missing_names(code: str) -> set[str]:
    """Names that a Python block reads and binds nowhere; builtins among them, which no block defines by chance."""
    tree = _parse(code)
    if tree is None:
        return set()
    read: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return read - bound - _defined_names(code)


def _from_bare(text: str, wanted: str | None) -> Extracted | None:
    """Code without a fence around it."""
    if not text.strip():
        return None
    language = wanted or "python"
    body = text.strip("\n")
    if language == "python":
        code = _bare_python(body)
        if code is not None:
            return Extracted(code.rstrip() + "\n", language, "bare")
        if wanted is not None:
            return None
    lines = body.split("\n")
    first = next((i for i, line in enumerate(lines) if _OTHER_CODE.match(line)), None)
    if wanted not in (None, "python") and (first is not None or re.search(r"[;{}]\s*$", body, re.MULTILINE)):
        start = 0 if first is None else _skip_prose(lines, first)
        return Extracted("\n".join(lines[start:]) + "\n", language, "bare")
    return None


def _skip_prose(lines: list[str], first: int) -> int:
    """The line where code begins: 0, unless what stands before the first sure line of code reads as sentences."""
    prose = any(line[:1].isupper() and len(line.split()) > 3 and line.rstrip()[-1:] in ".:!?" for line in lines[:first])
    return first if prose else 0


def _bare_python(body: str) -> str | None:
    tree = _parse(body)
    if tree is None:
        tree = _parse(textwrap.dedent(body))
    if tree is not None:
        inert = (ast.Name, ast.Constant, ast.Tuple, ast.UnaryOp, ast.Attribute, ast.List, ast.Set, ast.Compare)
        idle = all(isinstance(node, ast.Expr) and isinstance(node.value, inert) for node in tree.body)
        return None if idle else body
    lines = body.split("\n")
    if lines[0][:1] in (" ", "\t") and _PYTHON_START.match(lines[0].strip()):
        return body  # The rest of a function begun in the prompt, whatever follows it.
    first = next((i for i, line in enumerate(lines) if _PYTHON_START.match(line) and _reads_as_code(line)), None)
    if first is None:
        return None
    return _longest_program(lines[first:])


def _reads_as_code(line: str) -> bool:
    """Rules out sentences that begin with a word Python knows: "import the data", "for each one:"."""
    return _parse(line if not line.rstrip().endswith(":") else line + " pass") is not None or line.startswith(
        ("def ", "class ", "@", "import ", "from ", "async def ")
    )


def _longest_program(lines: list[str]) -> str:
    """The text up to where prose begins again: paragraphs are taken off its end until the rest parses."""
    whole = "\n".join(lines)
    end = len(lines)
    for _ in range(min(_TRIMS_MAX, 1 + 400_000 // (len(whole) + 1))):
        text = "\n".join(lines[:end])
        if _parse(text) is not None:
            return text
        blank = next((i for i in range(end - 1, 0, -1) if not lines[i].strip()), None)
        if blank is None:
            break
        end = blank
    return whole  # It is meant as code and does not parse: the completion's own error.


def _continue_prompt(found: Extracted, prompt: str, root: str) -> Extracted:
    """Put a function's body behind the beginning of the function, where the prompt has it."""
    if not prompt.strip():
        return found
    head = _prompt_code(prompt, found.language)
    if head is None:
        return found
    if found.language == "python":
        if not _is_python_body(found.code, head, root):
            return found
        return Extracted(_join_python(head, found.code), "python", "continued")
    opens, closes = found.code.count("{"), found.code.count("}")
    if closes <= opens or head.count("{") <= head.count("}"):
        return found
    return Extracted(head.rstrip("\n") + "\n" + found.code, found.language, "continued")


def _prompt_code(prompt: str, language: str) -> str | None:
    """The code in a prompt: its last fenced block in the language, or all of it when it is code and nothing else."""
    text = prompt.replace("\r\n", "\n")
    fenced = [block for block in blocks(text) if block.language in (language, "") and block.code.strip()]
    if fenced:
        return fenced[-1].code
    if language == "python" and not re.search(r"^(?:async\s+)?def\s|^class\s", text, re.MULTILINE):
        return None
    return text


def _is_python_body(code: str, head: str, root: str) -> bool:
    """Whether code goes on inside a function of the prompt instead of standing by itself."""
    if root and _defines(code, root, "python"):
        return False
    if _last_def(head) is None:
        return False
    first = next((line for line in code.split("\n") if line.strip()), "")
    if first[:1] in (" ", "\t"):
        return True
    return bool(root) and _parse(code) is None and "return" in code


def _last_def(head: str) -> str | None:
    found = re.findall(r"^[ \t]*(?:async\s+)?def\s+(\w+)", head, re.MULTILINE)
    return found[-1] if found else None


def _join_python(head: str, body: str) -> str:
    first = next((line for line in body.split("\n") if line.strip()), "")
    if first[:1] not in (" ", "\t"):
        body = textwrap.indent(body, "    ")
    return head.rstrip(" \t").rstrip("\n") + "\n" + body
