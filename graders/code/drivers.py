"""Drivers for function tests in every language: the candidate's program together with the part that calls it.

Python and JavaScript find the function when they run. The compiled languages need calls that their compiler can check,
so a few lines are written from the tests' entry point and, for C++ constructors and Rust, from the signature in the
candidate's own text. All speak the messages of jail/python_driver.py; only Python's reads our notation, the others read
plain JSON and convert it to the types that the signature asks for.
"""

import re
from collections.abc import Callable, Iterable

from graders.code.appended import go_file, rust_crates
from graders.code.harness import as_file, jail_file, python_driver
from graders.errors import TaskInvalid
from graders.task import FunctionTests
from sandbox.run import Program


def driver_for(language: str, code: str, tests: FunctionTests) -> Program:
    """The program to open for function tests.

    Raises: TaskInvalid when functions of that language cannot be called, or the entry point is no name.
    """
    if language == "python":
        return python_driver(code)
    make = _MAKERS.get(language)
    if make is None:
        raise TaskInvalid("unsupported", f"functions cannot be called in {language}")
    owner, name = _entry(tests.entry_point)
    operations = _operations(tests) if _is_design(tests) else ()
    files, main = make(code.replace("\r\n", "\n"), owner, name, operations)
    return Program(
        language, {file: text if isinstance(text, bytes) else as_file(text) for file, text in files.items()}, main
    )


def reads_notation(language: str) -> bool:
    """Whether a language's driver reads our notation; the others read plain JSON."""
    return language == "python"


_Files = tuple[dict[str, bytes | str], str]


def _entry(entry_point: str) -> tuple[str, str]:
    """The class, or "", and the function that an entry point names."""
    found = re.fullmatch(r"(?:([A-Za-z_]\w*)(?:\(\))?\.)?([A-Za-z_]\w*)", entry_point)
    if found is None:
        raise TaskInvalid("bad_entry_point", "the entry point is neither a name nor Class.method")
    return found.group(1) or "", found.group(2)


def _is_design(tests: FunctionTests) -> bool:
    """Whether the cases drive a class by its operations (see calls.py)."""
    for case in tests.cases:
        names = case.args[0] if len(case.args) == 2 else None
        if not (isinstance(names, (list, tuple)) and names and names[0] == tests.entry_point):
            return False
    return bool(tests.cases)


def _operations(tests: FunctionTests) -> tuple[str, ...]:
    """The methods that the cases call, each once."""
    names: Iterable[str] = (str(name) for case in tests.cases for name in case.args[0][1:])
    unique = tuple(dict.fromkeys(names))
    for name in unique:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise TaskInvalid("bad_entry_point", "an operation is no name")
    return unique


def _javascript(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    return {"main.js": jail_file("driver.js"), "solution.js": code}, "main.js"


def _typescript(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    """The solution is compiled as a script beside the driver; node types are declared for those that it misses."""
    nodes = ""
    if not re.search(r"\bclass\s+ListNode\b", code):
        nodes += (
            "declare class ListNode { val: number; next: ListNode | null; "
            "constructor(v?: number, n?: ListNode | null); }\n"
        )
    if not re.search(r"\bclass\s+TreeNode\b", code):
        nodes += (
            "declare class TreeNode { val: number; left: TreeNode | null; right: TreeNode | null; "
            "constructor(v?: number, l?: TreeNode | null, r?: TreeNode | null); }\n"
        )
    driver = b"// @ts-nocheck\n" + jail_file("driver.js")
    return {"main.ts": driver, "solution.ts": code, "nodes.d.ts": nodes}, "main.ts"


_CPP_LIST = """
struct ListNode {
    int val;
    ListNode *next;
    ListNode() : val(0), next(nullptr) {}
    ListNode(int x) : val(x), next(nullptr) {}
    ListNode(int x, ListNode *next) : val(x), next(next) {}
};
"""
_CPP_TREE = """
struct TreeNode {
    int val;
    TreeNode *left;
    TreeNode *right;
    TreeNode() : val(0), left(nullptr), right(nullptr) {}
    TreeNode(int x) : val(x), left(nullptr), right(nullptr) {}
    TreeNode(int x, TreeNode *left, TreeNode *right) : val(x), left(left), right(right) {}
};
"""


def _cpp(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    """LeetCode's surroundings, the solution, the driver, and a dispatch whose types the compiler deduces."""
    bare = _without_comments(code)
    nodes = "".join(
        text
        for kind, text in (("ListNode", _CPP_LIST), ("TreeNode", _CPP_TREE))
        if not re.search(rf"\b(?:struct|class)\s+{kind}\s*{{", bare)
    )
    solution = next((kind for kind in (owner, "Solution") if kind and _is_class(bare, kind)), "")
    if operations or (_is_class(bare, name) and not owner):
        dispatch = _cpp_design(bare, name, operations)
    elif solution:
        dispatch = f"    {solution} *owner = new {solution}();\n    return invoke(owner, &{solution}::{name}, given);\n"
    else:
        dispatch = f"    return invoke((int *)nullptr, &::{name}, given);\n"
    text = (
        "#include <bits/stdc++.h>\nusing namespace std;\n"
        f'{nodes}#define main touchstone_candidates_main\n#line 1 "solution.cpp"\n{code}\n#undef main\n'
        '#line 1 "driver.hpp"\n' + jail_file("driver.hpp").decode() + "namespace touchstone {\n"
        "std::string dispatch(const Json &request) {\n"
        '    std::vector<Json> given = request.at("args").items;\n'
        '    for (auto &field : request.at("kwargs").fields) given.push_back(field.second);\n'
        f"{dispatch}}}\n}}\nint main() {{ return touchstone::serve(); }}\n"
    )
    return {"main.cpp": text}, "main.cpp"


def _is_class(code: str, name: str) -> bool:
    return re.search(rf"\b(?:class|struct)\s+{name}\b", code) is not None


def _cpp_design(code: str, name: str, operations: tuple[str, ...]) -> str:
    """Construct by the signature in the text, since constructors have no address; then one branch for each method."""
    found = re.search(rf"(?<![~\w]){name}\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)\s*(?::|{{|=\s*default)", code)
    types = [_cpp_type(part) for part in _split(found.group(1))] if found else []
    values = ", ".join(f"From<{kind}>::get(first[{index}])" for index, kind in enumerate(types))
    branches = "".join(
        f'        else if (names[i].text == "{method}") one = invoke(owner, &{name}::{method}, values[i].items);\n'
        for method in operations
    )
    return (
        "    auto &names = given.at(0).items;\n    auto &values = given.at(1).items;\n"
        "    auto &first = values.at(0).items;\n    (void)first;\n"
        f"    {name} *owner = new {name}({values});\n"
        '    std::string out = "\\"v\\":[null";\n    for (size_t i = 1; i < names.size(); i++) {\n'
        "        std::string one;\n"
        f"        if (false) {{}}\n{branches}"
        '        else throw Failure("no such method");\n'
        '        out += "," + one.substr(4, one.find(",\\"first\\":") == std::string::npos ? std::string::npos : '
        'one.find(",\\"first\\":") - 4);\n    }\n    return out + "]";\n'
    )


def _cpp_type(parameter: str) -> str:
    """The type of a parameter without its name, reference and const."""
    text = parameter.partition("=")[0].strip()
    text = re.sub(r"\bconst\b|&", " ", text).strip()
    found = re.fullmatch(r"(.*[\s*>])\s*\w+", text, re.DOTALL)
    return (found.group(1) if found else text).strip()


def _split(parameters: str) -> list[str]:
    """A parameter list at its outermost commas."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(parameters):
        if letter in "<([{":
            depth += 1
        elif letter in ">)]}" and not (letter == ">" and parameters[index - 1 : index] == "-"):
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(parameters[start:index])
            start = index + 1
    parts.append(parameters[start:])
    return [part.strip() for part in parts if part.strip()]


def _without_comments(code: str) -> str:
    """A text in a C-like language with its comments and strings blanked, for looking at declarations."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", code, flags=re.DOTALL)


_JAVA_LIST = """
class ListNode {
    int val;
    ListNode next;
    ListNode() {}
    ListNode(int val) { this.val = val; }
    ListNode(int val, ListNode next) { this.val = val; this.next = next; }
}
"""
_JAVA_TREE = """
class TreeNode {
    int val;
    TreeNode left, right;
    TreeNode() {}
    TreeNode(int val) { this.val = val; }
    TreeNode(int val, TreeNode left, TreeNode right) { this.val = val; this.left = left; this.right = right; }
}
"""
_JAVA_IMPORTS = (
    "import java.util.*; import java.util.function.*; import java.util.stream.*; import java.math.*; import java.io.*; "
)


def _java(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    """The solution beside a driver that finds it by reflection; the usual imports go in front, on its first line."""
    bare = _without_comments(code)
    code = re.sub(r"^[ \t]*package\s+[\w.]+\s*;", "", code, flags=re.MULTILINE)
    code = re.sub(
        r"^([ \t]*)public\s+(?=(?:(?:final|abstract)\s+)*(?:class|record|interface|enum)\b)", r"\1", code, flags=re.M
    )
    nodes = "".join(
        text for kind, text in (("ListNode", _JAVA_LIST), ("TreeNode", _JAVA_TREE)) if not _is_class(bare, kind)
    )
    classes = ", ".join(f'"{kind}"' for kind in dict.fromkeys(re.findall(r"\bclass\s+(\w+)", bare)))
    driver = jail_file("TouchstoneDriver.java").decode().replace("/*CLASSES*/", classes)
    files: dict[str, bytes | str] = {
        "TouchstoneDriver.java": driver,
        "Solution.java": _JAVA_IMPORTS + code + "\n" + nodes,
    }
    return files, "TouchstoneDriver.java"


_GO_LIST = "type ListNode struct {\n\tVal  int\n\tNext *ListNode\n}\n"
_GO_TREE = "type TreeNode struct {\n\tVal   int\n\tLeft  *TreeNode\n\tRight *TreeNode\n}\n"


def _go(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    """The solution in a file of its own, with the imports it forgot; one line binds what the driver calls."""
    bare = _without_comments(code)
    nodes = "".join(
        text
        for kind, text in (("ListNode", _GO_LIST), ("TreeNode", _GO_TREE))
        if not re.search(rf"\btype\s+{kind}\b", bare)
    )
    if operations or re.search(rf"\btype\s+{name}\s+struct\b", bare):
        made = "Constructor" if re.search(r"\bfunc\s+Constructor\b", bare) else f"New{name}"
        bound = made
    elif re.search(rf"\bfunc\s*\([^)]*\)\s*{name}\b", bare):
        bound = f"(&{owner or 'Solution'}{{}}).{name}"
    else:
        bound = name if re.search(rf"\bfunc\s+{name}\b", bare) else name[:1].upper() + name[1:]
    solution = re.sub(r"^func\s+main\s*\(\s*\)", "func touchstoneCandidatesMain()", code, flags=re.MULTILINE)
    entry = f"package main\n\nvar touchstoneEntry interface{{}} = {bound}\n\n{nodes}"
    files: dict[str, bytes | str] = {
        "main.go": jail_file("driver.go"),
        "solution.go": go_file(solution),
        "entry.go": entry,
    }
    return files, "main.go"


_RUST_LIST = """
#[derive(PartialEq, Eq, Clone, Debug)]
pub struct ListNode { pub val: i32, pub next: Option<Box<ListNode>> }
impl ListNode { #[inline] pub fn new(val: i32) -> Self { ListNode { next: None, val } } }
"""
_RUST_TREE = """
#[derive(Debug, PartialEq, Eq)]
pub struct TreeNode {
    pub val: i32,
    pub left: Option<std::rc::Rc<std::cell::RefCell<TreeNode>>>,
    pub right: Option<std::rc::Rc<std::cell::RefCell<TreeNode>>>,
}
impl TreeNode { #[inline] pub fn new(val: i32) -> Self { TreeNode { val, left: None, right: None } } }
"""
# How nodes become lists; `solution` has the types, whoever wrote them.
_RUST_NODES = """
impl From_ for Box<solution::ListNode> {
    fn get(json: &Json) -> Self {
        let mut head: Option<Box<solution::ListNode>> = None;
        for item in json.items().iter().rev() {
            let mut node = Box::new(solution::ListNode::new(From_::get(item)));
            node.next = head;
            head = Some(node);
        }
        head.expect("an empty list")
    }
}
pub fn linked(json: &Json) -> Option<Box<solution::ListNode>> {
    if json.items().is_empty() { None } else { Some(From_::get(json)) }
}
impl To for Box<solution::ListNode> {
    fn put(&self, out: &mut String) {
        out.push('[');
        let mut node = Some(self);
        let mut first = true;
        while let Some(here) = node {
            if !first { out.push(','); }
            first = false;
            here.val.put(out);
            node = here.next.as_ref();
        }
        out.push(']');
    }
}
type Tree = Option<Rc<RefCell<solution::TreeNode>>>;
pub fn tree(json: &Json) -> Tree {
    let nodes: Vec<Tree> = json.items().iter().map(|item| match item {
        Json::Null => None,
        _ => Some(Rc::new(RefCell::new(solution::TreeNode::new(From_::get(item))))),
    }).collect();
    let mut at = 1;
    for node in nodes.iter().flatten() {
        if at < nodes.len() { node.borrow_mut().left = nodes[at].clone(); }
        if at + 1 < nodes.len() { node.borrow_mut().right = nodes[at + 1].clone(); }
        at += 2;
    }
    nodes.into_iter().next().flatten()
}
impl To for Rc<RefCell<solution::TreeNode>> {
    fn put(&self, out: &mut String) {
        let mut items: Vec<String> = vec![];
        let mut level: Vec<Tree> = vec![Some(self.clone())];
        while !level.is_empty() {
            let mut below = vec![];
            for node in &level {
                match node {
                    None => items.push("null".into()),
                    Some(node) => {
                        let mut text = String::new();
                        node.borrow().val.put(&mut text);
                        items.push(text);
                        below.push(node.borrow().left.clone());
                        below.push(node.borrow().right.clone());
                    }
                }
            }
            level = below;
            if items.len() > 1_000_000 { panic!("a tree without an end"); }
        }
        while items.last().map_or(false, |item| item == "null") { items.pop(); }
        out.push('[');
        out.push_str(&items.join(","));
        out.push(']');
    }
}
"""


def _rust(code: str, owner: str, name: str, operations: tuple[str, ...]) -> _Files:
    """The solution as a module with a function behind it that converts by the signature in the text."""
    bare = _without_comments(code)
    nodes = "".join(
        text
        for kind, text in (("ListNode", _RUST_LIST), ("TreeNode", _RUST_TREE))
        if not re.search(rf"\bstruct\s+{kind}\b", bare)
    )
    solution = owner or ("Solution" if re.search(r"\bimpl\s+Solution\b", bare) else "")
    lacking = solution and re.search(rf"\bimpl\s+{solution}\b", bare) and not _rust_type(bare, solution)
    unit = f"pub struct {solution};\n" if lacking else ""
    if operations:
        body = _rust_design(bare, name, operations)
    else:
        body = _rust_call(bare, solution, name)
    text = (
        f"{code}\n{unit}{nodes}{rust_crates(bare)}\npub fn touchstone_call(given: &[&crate::Json]) -> String {{\n"
        f"    use crate::{{From_ as _, To as _}};\n{body}}}\n"
    )
    text = re.sub(r"^[ \t]*use\s+(?:rand|regex|md5)\s*;", "", text, flags=re.MULTILINE)
    driver = jail_file("driver.rs").decode().replace("//NODES", _RUST_NODES)
    return {"main.rs": driver, "solution.rs": text}, "main.rs"


def _rust_type(code: str, name: str) -> bool:
    return re.search(rf"\b(?:struct|enum)\s+{name}\b", code) is not None


def _rust_signature(code: str, name: str) -> tuple[list[str], str]:
    """The parameter types of a function, "self" among them, and its result's; nothing where there is none."""
    found = re.search(rf"\bfn\s+{name}\s*(?:<[^>]*>)?\s*\(", code)
    if found is None:
        return [], ""
    depth, end = 1, found.end()
    while end < len(code) and depth:
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        end += 1
    types = []
    for parameter in _split(code[found.end() : end - 1]):
        types.append(
            "self" if re.fullmatch(r"&?\s*(?:mut\s+)?self", parameter) else parameter.partition(":")[2].strip()
        )
    returned = re.match(r"\s*->\s*([^{]+?)\s*(?:where\b|\{)", code[end : end + 400])
    return types, returned.group(1).strip() if returned else ""


def _rust_argument(index: int, kind: str, source: str) -> tuple[str, str]:
    """The statement that converts an argument, and how it is passed."""
    reference = ""
    if found := re.match(r"&\s*(?:'\w+\s+)?(mut\s+)?", kind):
        reference = "&mut " if found.group(1) else "&"
        kind = kind[found.end() :].strip()
    if kind == "str":
        kind = "String"
    if slice_of := re.fullmatch(r"\[([^;]+)\]", kind):
        kind = f"Vec<{slice_of.group(1)}>"
    kind = re.sub(r"&\s*(?:'\w+\s+)?str\b", "String", kind)
    kind = kind.removeprefix("mut ").strip()
    if kind.startswith("Option<") and "ListNode" in kind:
        value = f"crate::linked({source})"
    elif kind.startswith("Option<") and "TreeNode" in kind:
        value = f"crate::tree({source})"
    elif kind.startswith("Vec<") and "ListNode" in kind:
        value = f"{source}.items().iter().map(crate::linked).collect::<Vec<_>>()"
    else:
        value = f"<{kind} as crate::From_>::get({source})"
    return f"    let mut a{index} = {value};\n", f"{reference}a{index}"


def _rust_call(code: str, owner: str, name: str) -> str:
    types, returned = _rust_signature(code, name)
    method = types[:1] == ["self"]
    types = types[1:] if method else types
    lines = f'    if given.len() != {len(types)} {{ panic!("another number of arguments"); }}\n'
    passed = []
    for index, kind in enumerate(types):
        statement, how = _rust_argument(index, kind, f"given[{index}]")
        lines += statement
        passed.append(how)
    inside = owner and re.search(rf"\bimpl\s+{owner}\b", code)
    target = f"{owner} {{}}.{name}" if method else (f"{owner}::{name}" if inside else name)
    lines += f"    let result = {target}({', '.join(passed)});\n"
    lines += '    let mut out = String::from("\\"v\\":");\n    result.put(&mut out);\n'
    if not returned and types and types[0].startswith("&"):
        lines += '    out.push_str(",\\"first\\":");\n    a0.put(&mut out);\n'
    if "ListNode" in returned or "TreeNode" in returned:
        lines += '    if out == "\\"v\\":null" { out.push_str(",\\"empty\\":true"); }\n'
    return lines + "    out\n"


def _rust_design(code: str, name: str, operations: tuple[str, ...]) -> str:
    lines = "    let names = given[0].items();\n    let values = given[1].items();\n"
    types, _ = _rust_signature(code, "new")
    passed = []
    for index, kind in enumerate(types):
        statement, how = _rust_argument(index, kind, f"&values[0].items()[{index}]")
        lines += statement
        passed.append(how)
    lines += f"    let mut owner = {name}::new({', '.join(passed)});\n"
    lines += (
        '    let mut out = String::from("\\"v\\":[null");\n    for i in 1..names.len() {\n        out.push(\',\');\n'
    )
    lines += "        let given = values[i].items();\n        match names[i].text() {\n"
    for operation in operations:
        rust_name = operation if re.search(rf"\bfn\s+{operation}\b", code) else _snake(operation)
        types, _ = _rust_signature(code, rust_name)
        lines += f'            "{operation}" => {{\n'
        passed = []
        for index, kind in enumerate(types[1:]):
            statement, how = _rust_argument(index, kind, f"&given[{index}]")
            lines += statement
            passed.append(how)
        lines += f"                owner.{rust_name}({', '.join(passed)}).put(&mut out);\n            }}\n"
    lines += "            _ => panic!(\"no such method\"),\n        }\n    }\n    out.push(']');\n    out\n"
    return lines


def _snake(name: str) -> str:
    """getMin as Rust writes it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


_MAKERS: dict[str, Callable[[str, str, str, tuple[str, ...]], _Files]] = {
    "javascript": _javascript,
    "typescript": _typescript,
    "cpp": _cpp,
    "java": _java,
    "go": _go,
    "rust": _rust,
}
