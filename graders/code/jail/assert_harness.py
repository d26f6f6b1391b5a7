"""Runs trusted test code in a jail of its own, where names of the candidate are proxies for what is in another jail.

Data to the grader, never imported by it; harness.py puts values.py in front, in place of the import below. Expected
values exist in this process and in no other jail. A call goes from the test code to a proxy, as JSON to the grader,
and from there to the candidate's driver (python_driver.py); what comes back is data.

Theory of operation. The grader sends {"start"}; this process lists its tests ({"tests"}), then runs them in order. For
each it may ask the candidate ({"ask"}, answered by {"got"} or, when the candidate is gone, {"lost"}), and says how it
went ({"end"}; a failure is answered by {"go": whether to go on}). {"done"} is the last message, and only it makes
passes count. {"invalid"} says that the tests cannot be used, {"weak"} that they cannot be run by value.

What may not happen: a candidate's object must not learn what it is compared with. So an object that came by handle
equals no plain value, has no order among plain values, and its arithmetic with them is refused unless the test names
its class; then the result is good for attributes, methods and comparison with other such objects only.

With "alone" in the start message the candidate's module is executed in this process instead: what a test needs may
then be anything, and the verdict says that its integrity is weak.
"""

import ast
import builtins
import collections
import importlib
import json
import os
import symtable
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

from graders.code.values import NODES, NotPlain, decode, encode, list_of, node_values, tree_of

_TEXT_MAX = 1000
_PURE = {"abs", "all", "any", "len", "max", "min", "pow", "repr", "round", "sorted", "sum"}
_SAFE_BUILTINS = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type)
    or name in ["abs", "all", "any", "len", "max", "min", "pow", "repr", "round", "sorted", "sum"]
}
_BUILTIN_NAMES = {id(value): name for name, value in _SAFE_BUILTINS.items()}
_USUAL = {
    "math": "acos asin atan atan2 ceil comb cos e exp factorial floor fsum gcd hypot inf isclose isinf isnan isqrt lcm "
    "log log10 log2 nan perm pi prod sin sqrt tan tau trunc",
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "itertools": "accumulate chain combinations count cycle islice permutations product repeat takewhile zip_longest",
    "functools": "partial reduce",
    "copy": "deepcopy",
    "fractions": "Fraction",
    "decimal": "Decimal",
    "random": "randint",
    "typing": "Any Callable Dict Iterable Iterator List Optional Sequence Set Tuple Union",
}
"""Names that test code takes for granted because candidates import them: never taken from the candidate."""


class Unusable(BaseException):
    """The tests cannot be used: `code` and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotByValue(BaseException):
    """The test hands over something that cannot leave this process."""


class Stop(BaseException):
    """The grader has seen enough."""


class Lost(BaseException):
    """The candidate's process is gone; the test at hand ends with it."""

    def __init__(self, note: dict[str, Any]) -> None:
        super().__init__("the candidate is gone")
        self.note = note


def main() -> None:
    """Serve one grading."""
    desk = Desk(int(os.environ.pop("TOUCHSTONE_CHANNEL")))
    start = desk.receive()
    try:
        source = start["source"]
        candidate: Any = (
            Alone() if start.get("alone") else Remote(desk, capture="stdout" in source or "capsys" in source)
        )
        runner = Unittests if start["kind"] == "unittest" else Asserts
        runner(desk, candidate, source, start.get("entry") or "").run()
        desk.send({"done": True})
    except Stop:
        desk.send({"done": True})
    except Unusable as error:
        desk.send({"invalid": {"code": error.code, "message": str(error)[:_TEXT_MAX]}})
    except NotByValue as error:
        desk.send({"weak": str(error)[:_TEXT_MAX]})
    desk.receive()  # Stay until the grader has read it all and closes.
    os._exit(0)


class Desk:
    """The channel to the grader."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._token = ""

    def receive(self) -> Any:
        """The next message. The process ends when there is none."""
        head = self._exactly(4)
        message = json.loads(self._exactly(int.from_bytes(head, "big")))
        self._token = message.get("token", self._token)
        return message

    def send(self, message: dict[str, Any]) -> None:
        """Write one message."""
        body = json.dumps({**message, "token": self._token}, separators=(",", ":")).encode("ascii")
        rest = memoryview(len(body).to_bytes(4, "big") + body)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self._fd, min(size, 1 << 20))
            if not part:
                os._exit(0)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


class Remote:
    """The candidate in its jail."""

    def __init__(self, desk: Desk, *, capture: bool) -> None:
        self._desk = desk
        self._capture = capture
        self._loaded = False
        self._refused: dict[str, Any] | None = None
        self._callbacks: list[Callable[..., Any]] = []
        self._classes: dict[str, Any] = {}
        self._by_handle: dict[int, Any] = {}
        self._nodes: set[int] = set()
        self.test = 0
        self.asked = 0
        self.odd = ""
        self.named: set[str] = set()

    def names(self, wanted: list[str] | None) -> dict[str, Any]:
        """Proxies or values for those of the names that the candidate defines; None asks for all public ones."""
        described = self._ask({"op": "names", "names": wanted})["v"]
        found = {}
        for name, note in described.items():
            if "module" in note:
                if note["module"] in sys.stdlib_module_names:
                    found[name] = importlib.import_module(note["module"])
            else:
                found[name] = self.decode(note["value"], {"$": "global", "v": name})
        return found

    def entry(self, name: str) -> Any:
        """The callable that a test's entry point names."""
        return RemoteFunction(self, {"$": "global", "v": name}, name.rpartition(".")[2])

    def call(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> Any:
        """Call something of the candidate's by value."""
        self.asked += 1
        keywords = keywords or {}
        self._nodes.clear()
        reply = self._ask(
            {
                "op": "do",
                "f": function,
                "a": [self.encode(item) for item in arguments],
                "k": {key: self.encode(item) for key, item in keywords.items()},
            }
        )
        while "callback" in reply:
            reply = self._ask({"op": "resume", **self._serve(reply)})
        if reply.get("out"):
            sys.stdout.write(reply["out"])
        if reply.get("odd"):
            self.odd = str(reply["odd"])[:_TEXT_MAX]
        if "e" in reply:
            raise self.error(reply["e"])
        for place, after in reply.get("m", ()):
            target = keywords[place] if type(place) is str else arguments[place]
            _assign(target, self._decode_change(after, target))
        return self.decode(reply.get("v"))

    def do(self, name: str, *arguments: Any) -> Any:
        """Apply one of Python's own operations over there: "len", "getattr", "operator.add"."""
        return self.call({"$": "builtin", "v": name}, arguments)

    def _serve(self, request: dict[str, Any]) -> dict[str, Any]:
        """Call one of our functions for the candidate."""
        try:
            function = self._callbacks[request["callback"]]
            result = function(
                *(self.decode(item) for item in request["a"]), **{k: self.decode(v) for k, v in request["k"].items()}
            )
            return {"v": self.encode(result)}
        except NotByValue as error:  # The candidate chose to call, and must not choose to be run in one process.
            return {"e": {"type": "TypeError", "text": str(error)[:_TEXT_MAX]}}
        except Exception as error:  # noqa: BLE001  It belongs to the candidate, which called.
            return {"e": {"type": type(error).__name__, "text": str(error)[:_TEXT_MAX]}}

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._refused is not None:
            raise Lost(self._refused)
        if not self._loaded:
            self._loaded = True
            loaded = self._exchange({"op": "load", "prelude": True, "capture": self._capture})
            if "e" in loaded:
                self._refused = {"load": loaded["e"]}  # It will not load the next time either.
                raise Lost(self._refused)
        return self._exchange(question)

    def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        self._desk.send({"ask": question, "test": self.test})
        answer = self._desk.receive()
        if "lost" in answer:
            self._loaded = False  # The next question starts a new one, whose handles are others.
            self._by_handle.clear()
            raise Lost(answer["lost"])
        got: dict[str, Any] = answer["got"]
        return got

    def encode(self, value: Any) -> Any:
        """A value's notation, callables as callbacks."""
        return encode(value, self._from_here)

    def _from_here(self, value: Any, depth: int) -> Any:
        reference = _reference(value)
        if reference is not None:
            return reference
        if id(value) in _BUILTIN_NAMES:
            return {"$": "builtin", "v": _BUILTIN_NAMES[id(value)]}
        if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.LambdaType)) or (
            callable(value) and type(value).__module__ in ("functools", "operator", "unittest.mock")
        ):
            self._callbacks.append(value)
            return {"$": "callback", "v": len(self._callbacks) - 1}
        if type(value) is type({}.keys()) or isinstance(value, Iterator):
            return [encode(item, self._from_here, depth + 1) for item in value]
        if type(value).__name__ in NODES:
            return self._from_nodes(value, depth)
        raise NotByValue(f"the tests hand over a {type(value).__name__}")

    def _from_nodes(self, value: Any, depth: int) -> Any:
        """Linked nodes as their values. Which node is which does not cross, so nothing may hang on it."""
        name = type(value).__name__
        try:
            items = node_values(value)
        except (NotPlain, AttributeError):
            raise NotByValue(f"the tests hand over a {name} that is no plain one") from None
        pending = [value]
        while pending:
            node = pending.pop()
            links = ("next",) if name == "ListNode" else ("left", "right")
            if id(node) in self._nodes or type(node).__name__ != name or set(vars(node)) != {"val", *links}:
                raise NotByValue(f"the tests hand over a {name} in two places, or with more to it")
            self._nodes.add(id(node))
            pending.extend(child for link in links if (child := getattr(node, link)) is not None)
        return {"$": name, "v": [encode(item, self._from_here, depth + 1) for item in items]}

    def _decode_change(self, data: Any, target: Any) -> Any:
        """What the candidate made of an argument; linked nodes as the class that the tests have of them."""
        name = type(target).__name__
        if name in NODES and type(data) is dict and data.get("$") == name:
            items = [self.decode(item) for item in data["v"]]
            return list_of(type(target), items) if name == "ListNode" else tree_of(type(target), items)
        return self.decode(data)

    def decode(self, data: Any, reference: Any = None) -> Any:
        """The value of a notation; the candidate's objects as proxies."""
        if reference is not None and type(data) is dict and data.get("$") == "handle":
            return self._proxy(data, reference)
        try:
            return decode(data, self._from_there)
        except NotPlain as error:
            raise RuntimeError(f"the result is not plain data: {error}") from None

    def _from_there(self, data: dict[str, Any]) -> Any:
        tag = data["$"]
        content: Any = data.get("v")
        if tag == "handle":
            return self._proxy(data, {"$": "handle", "v": content})
        if tag == "callback":
            return self._callbacks[content]
        if tag == "builtin":
            return _SAFE_BUILTINS[content] if content in _SAFE_BUILTINS else self._proxy({"callable": content}, data)
        if tag == "dictkeys":
            return dict.fromkeys(self.decode(item) for item in content).keys()
        if tag == "namedtuple":
            return collections.namedtuple(content[0], content[1])(*(self.decode(item) for item in content[2]))
        raise NotPlain(f"unknown tag {tag[:20]}")

    def _proxy(self, note: dict[str, Any], reference: Any) -> Any:
        """A stand-in for an object over there, by what it is."""
        if "class" in note:
            return self.remote_class(note["class"], reference, note["v"])
        if "callable" in note:
            return RemoteFunction(self, reference, str(note["callable"]))
        return RemoteObject(self, reference, str(note.get("type", "object")))

    def remote_class(self, about: dict[str, Any], reference: Any, handle: int) -> Any:
        """A stand-in for a class: a real exception class for exceptions, so that `except` and `raises` know it."""
        known = self._by_handle.get(handle)
        if known is not None:
            return known
        key = json.dumps(reference)
        if key not in self._classes:
            name = str(about["name"])
            base = next((b for b in map(_exception_class, about["bases"]) if b is not None), None)
            if base is not None:
                self._classes[key] = type(name, (base,), {"touchstone": (self, reference)})
            else:
                self._classes[key] = RemoteClass(name, (), {"touchstone": (self, reference)})
        self._by_handle[handle] = self._classes[key]
        return self._classes[key]

    def error(self, note: dict[str, Any]) -> BaseException:
        """The exception that a call ended with, as one of ours of the same builtin kind."""
        text = str(note.get("text", ""))
        kind = None
        if note.get("type") == (note.get("bases") or [""])[0]:
            kind = _exception_class(note["type"])
        if kind is None and "class" in note:
            handle = note["class"]["v"]
            kind = self.remote_class(note["class"]["class"], {"$": "handle", "v": handle}, handle)
        if kind is None:
            kind = next((b for b in map(_exception_class, note.get("bases", ())) if b is not None), RuntimeError)
        try:
            made = kind(*(self.decode(item) for item in note["args"])) if "args" in note else kind(text)
        except Exception:  # noqa: BLE001  Some builtin exceptions want arguments of their own.
            made = RuntimeError(text)
        made.__dict__["touchstone_error"] = f"{note.get('type')}: {text}"[:_TEXT_MAX]
        return made


class Alone:
    """The candidate's module in this very process."""

    def __init__(self) -> None:
        self.test = 0
        self.asked = 0
        self.odd = ""
        self.named: set[str] = set()
        module = types.ModuleType("solution")
        module.__file__ = os.path.abspath("solution.py")
        sys.modules["solution"] = module
        sys.path.insert(0, os.getcwd())
        self._space = module.__dict__
        self._module = module
        self._started = False

    def module(self) -> types.ModuleType:
        """The module, executed when first asked for."""
        self._execute()
        return self._module

    def _execute(self) -> None:
        if self._started:
            return
        self._started = True
        try:
            with open("solution.py", "rb") as file:
                source = file.read()
            code = compile(source, "solution.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            note = {"type": type(error).__name__, "text": str(error)[:_TEXT_MAX], "compile": True}
            raise Lost({"load": note}) from None
        importlib.import_module("touchstone_driver").provide(self._space, code, source)
        try:
            exec(code, self._space)  # noqa: S102  Running it is what this process is for.
        except BaseException as error:  # noqa: BLE001  SystemExit too.
            raise Lost({"load": {"type": type(error).__name__, "text": str(error)[:_TEXT_MAX]}}) from None

    def names(self, wanted: list[str] | None) -> dict[str, Any]:
        """The candidate's own objects."""
        self._execute()
        if wanted is None:
            wanted = [name for name in self._space if not name.startswith("_")]
        return {name: self._space[name] for name in wanted if name in self._space}

    def entry(self, name: str) -> Any:
        """The callable that a test's entry point names."""
        self._execute()
        head, _, attribute = name.partition(".")
        found = self._space.get(head.removesuffix("()"))
        if found is None:
            raise Lost({"load": {"type": "NameError", "text": f"name {name!r} is not defined"}})
        self.asked += 1
        return getattr(found(), attribute) if attribute else found


def _exception_class(name: str) -> type[BaseException] | None:
    found = vars(builtins).get(name)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _assign(target: Any, after: Any) -> None:
    """Make a container of ours what the candidate made of its copy."""
    if isinstance(target, list) and isinstance(after, list):
        target[:] = after
    elif isinstance(target, (dict, set)) and type(after) is type(target):
        target.clear()
        target.update(after)
    elif isinstance(target, bytearray) and isinstance(after, bytearray):
        target[:] = after
    elif type(target).__name__ in NODES and type(after) is type(target):
        vars(target).update(vars(after))


def _reference(value: Any) -> Any:
    """What stands for a proxy in messages, or None for anything else."""
    kind = type(value)
    if kind is RemoteFunction or kind is RemoteObject:
        return object.__getattribute__(value, "_reference")
    if isinstance(value, type) and "touchstone" in value.__dict__:
        return value.__dict__["touchstone"][1]
    return None


class RemoteFunction:
    """A function of the candidate's."""

    def __init__(self, remote: Remote, reference: Any, name: str) -> None:
        self._remote, self._reference, self.__name__ = remote, reference, name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._remote.call(self._reference, arguments, keywords)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__doc__", "__wrapped__", "__annotations__"):
            raise AttributeError(name)
        return self._remote.do("getattr", self, name)


class RemoteClass(type):
    """A class of the candidate's: calling it makes an object over there."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        remote, reference = cls.__dict__["touchstone"]
        return remote.call(reference, arguments, keywords)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or "touchstone" not in cls.__dict__:
            raise AttributeError(name)
        return cls.__dict__["touchstone"][0].do("getattr", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        cls.__dict__["touchstone"][0].do("setattr", cls, name, value)

    def __instancecheck__(cls, instance: Any) -> bool:
        if type(instance) is not RemoteObject:
            return False
        return cls.__dict__["touchstone"][0].do("isinstance", instance, cls) is True

    def __init_subclass__(cls) -> None:
        raise NotByValue("the tests subclass a class of the candidate's")

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
        if bases:
            raise NotByValue("the tests subclass a class of the candidate's")
        return super().__new__(mcs, name, bases, space)


def _forward(operation: str) -> Callable[..., Any]:
    def method(self: "RemoteObject", *arguments: Any) -> Any:
        object.__getattribute__(self, "_untainted")(operation)
        return object.__getattribute__(self, "_remote").do(operation, self, *arguments)

    return method


def _arithmetic(operation: str, *, swapped: bool = False) -> Callable[..., Any]:
    def method(self: "RemoteObject", other: Any) -> Any:
        remote = object.__getattribute__(self, "_remote")
        kind = object.__getattribute__(self, "_kind")
        ours = _reference(other) is not None
        if not ours and not (kind in remote.named and kind[:1].isupper()):
            remote.odd = remote.odd or f"a {kind} took part in arithmetic with a plain value"
            raise TypeError(f"unsupported operand for {operation}: {kind!r}")
        result = remote.do(f"operator.{operation}", *((other, self) if swapped else (self, other)))
        if not ours:
            if type(result) is not RemoteObject:
                raise TypeError(f"{operation} of {kind!r} and a plain value gave a plain value")
            object.__setattr__(result, "_tainted", True)
        return result

    return method


def _comparison(operation: str) -> Callable[..., Any]:
    def method(self: "RemoteObject", other: Any) -> Any:
        remote = object.__getattribute__(self, "_remote")
        if _reference(other) is not None:
            return remote.do(f"operator.{operation}", self, other) is True
        if operation in ("eq", "ne"):
            return operation == "ne"
        kind = object.__getattribute__(self, "_kind")
        raise TypeError(f"no order between {kind!r} and a plain value")

    return method


class RemoteObject:
    """An object of the candidate's, by handle."""

    def __init__(self, remote: Remote, reference: Any, kind: str) -> None:
        object.__setattr__(self, "_remote", remote)
        object.__setattr__(self, "_reference", reference)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_tainted", False)

    def _untainted(self, operation: str) -> None:
        if object.__getattribute__(self, "_tainted") and operation not in ("str", "repr", "getattr"):
            raise TypeError(f"{operation} of an object that has seen a plain value")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__dict__", "__doc__", "__len__"):
            raise AttributeError(name)
        return object.__getattribute__(self, "_remote").do("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__getattribute__(self, "_remote").do("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__getattribute__(self, "_remote").do("delattr", self, name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return object.__getattribute__(self, "_remote").call(_reference(self), arguments, keywords)

    def __hash__(self) -> int:
        return hash(json.dumps(_reference(self)))

    def __bool__(self) -> bool:
        return _forward("bool")(self) is True

    def __contains__(self, item: Any) -> bool:
        return any(item is found or item == found for found in self)

    def __enter__(self) -> Any:
        return object.__getattribute__(self, "_remote").do("getattr", self, "__enter__")()

    def __exit__(self, *exc: object) -> None:
        object.__getattribute__(self, "_remote").do("getattr", self, "__exit__")(None, None, None)

    __len__ = _forward("len")
    __iter__ = _forward("iter")
    __next__ = _forward("next")
    __getitem__ = _forward("operator.getitem")
    __setitem__ = _forward("operator.setitem")
    __delitem__ = _forward("operator.delitem")
    __str__ = _forward("str")
    __repr__ = _forward("repr")
    __int__ = _forward("int")
    __float__ = _forward("float")
    __index__ = _forward("operator.index")
    __abs__ = _forward("abs")
    __neg__ = _forward("operator.neg")
    __round__ = _forward("round")
    __reversed__ = _forward("reversed")
    __add__, __radd__ = _arithmetic("add"), _arithmetic("add", swapped=True)
    __sub__, __rsub__ = _arithmetic("sub"), _arithmetic("sub", swapped=True)
    __mul__, __rmul__ = _arithmetic("mul"), _arithmetic("mul", swapped=True)
    __truediv__, __rtruediv__ = _arithmetic("truediv"), _arithmetic("truediv", swapped=True)
    __floordiv__, __rfloordiv__ = _arithmetic("floordiv"), _arithmetic("floordiv", swapped=True)
    __mod__, __rmod__ = _arithmetic("mod"), _arithmetic("mod", swapped=True)
    __pow__, __rpow__ = _arithmetic("pow"), _arithmetic("pow", swapped=True)
    __matmul__ = _arithmetic("matmul")
    __and__, __or__, __xor__ = _arithmetic("and_"), _arithmetic("or_"), _arithmetic("xor")
    __eq__ = _comparison("eq")
    __ne__ = _comparison("ne")
    __lt__ = _comparison("lt")
    __le__ = _comparison("le")
    __gt__ = _comparison("gt")
    __ge__ = _comparison("ge")


class Tests:
    """What both kinds of test source share: names of the candidate, and reporting how a test went."""

    def __init__(self, desk: Desk, candidate: Any, source: str, entry: str) -> None:
        self._desk = desk
        self._candidate = candidate
        self._source = source
        self._entry = entry
        self._outcomes: dict[int, str] = {}
        self._space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        try:
            self._tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unusable("bad_tests", f"the tests do not parse: {type(error).__name__}") from None

    def _announce(self, tests: list[str]) -> None:
        self._desk.send({"tests": tests})

    def _report(self, test: int, error: BaseException | None) -> None:
        """Say how a test went, at its first pass and its first failure. Raises: Stop when that decides."""
        outcome = "accepted" if error is None else self._outcome(error)
        before = self._outcomes.get(test)
        if before == outcome or before not in (None, "accepted"):
            return
        self._outcomes[test] = outcome
        message: dict[str, Any] = {"test": test, "outcome": outcome}
        if error is not None:
            message["explain"] = self._explain(error)
        if error is not None and self._candidate.odd:
            message["evidence"] = self._candidate.odd
        self._desk.send({"end": message})
        if error is not None and not self._desk.receive()["go"]:
            raise Stop

    def _outcome(self, error: BaseException) -> str:
        if isinstance(error, Lost):
            return "lost"
        if "touchstone_error" in getattr(error, "__dict__", {}) or isinstance(error, NameError):
            return "runtime_error"
        return "wrong_answer"

    def _explain(self, error: BaseException) -> dict[str, Any]:
        if isinstance(error, Lost):
            return error.note
        said = getattr(error, "__dict__", {}).get("touchstone_error") or f"{type(error).__name__}: {error}"
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<tests>"]
        line = lines[-1] if lines else 0
        shown = self._source.split("\n")[line - 1].strip() if line else ""
        return {"error": said[:_TEXT_MAX], "test": shown[:_TEXT_MAX]}

    def _provide_names(self) -> None:
        """Bind the names that the tests read and do not make, each from where it may come."""
        free = _free_names(self._source)
        called = _called_names(self._tree)
        root = self._entry.partition(".")[0].removesuffix("()")
        wanted = []
        taken: dict[str, Any] = {}
        for name in sorted(free):
            usual = next((module for module, names in _USUAL.items() if name in names.split()), None)
            if name == root:
                wanted.append(name)
            elif hasattr(builtins, name):
                continue
            elif name in sys.stdlib_module_names and name not in called:
                self._space[name] = importlib.import_module(name)
            elif usual is not None:
                taken[name] = getattr(importlib.import_module(usual), name)
            elif name in ("np", "numpy", "pd", "pandas"):
                self._import_if_there(name)
            else:
                wanted.append(name)
        if self._entry:
            wanted.append(root)
        self._candidate.named.update(wanted)
        found = self._candidate.names(wanted)
        if not found and not self._entry:
            # The function under test bears a taken name: `assert sum(2, 3) == 5`, and there is nothing else to call.
            found = self._candidate.names(
                sorted(name for name in free & called if hasattr(builtins, name) or name in taken)
            )
        self._space.update(taken)
        self._space.update(found)

    def _import_if_there(self, name: str) -> None:
        try:
            self._space[name] = importlib.import_module({"np": "numpy", "pd": "pandas"}.get(name, name))
        except ImportError:
            raise NotByValue(f"the tests use {name}") from None

    def _install_solution(self) -> None:
        """Make `import solution` give the candidate."""
        if isinstance(self._candidate, Alone):
            return
        sys.modules["solution"] = SolutionModule(self._candidate)


class SolutionModule(types.ModuleType):
    """What `import solution` gives: the candidate's public names as they are asked for."""

    def __init__(self, remote: Remote) -> None:
        super().__init__("solution")
        self.__dict__["_touchstone_remote"] = remote
        self.__dict__["__path__"] = []

    def __getattr__(self, name: str) -> Any:
        remote = self.__dict__["_touchstone_remote"]
        if name == "__all__":
            found = remote.names(None)
            remote.named.update(found)
            self.__dict__.update(found)
            return list(found)
        if name.startswith("__"):
            raise AttributeError(name)
        found = remote.names([name])
        if name not in found:
            raise AttributeError(f"module 'solution' has no attribute {name!r}")
        remote.named.add(name)
        self.__dict__[name] = found[name]
        return found[name]


def _called_names(tree: ast.Module) -> set[str]:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.id for function in calls if isinstance(function, ast.Name)}


def _free_names(source: str) -> set[str]:
    """Names that the source reads from its outermost level without binding them there."""
    table = symtable.symtable(source, "<tests>", "exec")
    free: set[str] = set()
    bound = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    pending = [table]
    while pending:
        scope = pending.pop()
        pending.extend(scope.get_children())
        for symbol in scope.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or scope is table):
                free.add(symbol.get_name())
    return free - bound


class Asserts(Tests):
    """Assert statements, or a function check(candidate). Each assert statement of the source is one test.

    A test passes when its statement was executed and never failed. One that the source never reaches passes with the
    end of the source; one behind an exception does not.
    """

    def run(self) -> None:
        """Run them in order. Raises: Unusable when there is nothing to check; Stop, NotByValue."""
        marker = _Marker()
        self._tree = marker.visit(self._tree)
        ast.fix_missing_locations(self._tree)
        tests = marker.lines or [0]
        self._announce([f"line {line}" for line in tests])
        self._install_solution()
        counted = bool(marker.lines)
        self._space["__touchstone__"] = lambda index: _Guard(self, index)
        try:
            self._provide_names()
            checks = self._checks()
            if checks and self._entry:
                self._space.setdefault("candidate", self._space.get(self._entry) or self._candidate.entry(self._entry))
            elif self._entry:
                self._space["candidate"] = self._space.get(self._entry) or self._candidate.entry(self._entry)
            exec(compile(self._tree, "<tests>", "exec"), self._space)  # noqa: S102  Trusted, and this is its jail.
            for name, takes_candidate in checks:
                if takes_candidate:
                    self._space[name](self._space["candidate"])
                else:
                    self._space[name]()
        except (Stop, NotByValue, Unusable):
            raise
        except BaseException as error:  # noqa: BLE001  Whatever it is, what has not passed by now has failed.
            for index in range(len(tests)):
                if self._outcomes.get(index) is None:
                    self._report(index, error)
            return
        if not self._outcomes and not self._candidate.asked:
            raise Unusable("no_tests", "the tests check nothing")
        for index in range(len(tests)):
            if not counted or self._outcomes.get(index) is None:
                self._report(index, None)

    def _checks(self) -> list[tuple[str, bool]]:
        """The functions to call after the source: check(candidate) and test functions that it does not call itself."""
        called = _called_names(self._tree)
        found = []
        for node in self._tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name in called:
                continue
            required = len(node.args.args) - len(node.args.defaults)
            if node.name == "check" and required == 1:
                if not self._entry:
                    raise Unusable("no_entry_point", "check(candidate) needs the task's entry_point")
                found.append((node.name, True))
            elif (node.name == "check" or node.name.startswith("test")) and required == 0:
                found.append((node.name, False))
        return found


class _Marker(ast.NodeTransformer):
    """Puts a guard around each assert statement, or around the try statement that may catch its failure."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Wrap `assert x` as `with __touchstone__(index): assert x`."""
        return self._guarded(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """A try statement with asserts in it is one test: its handlers may be meant for them."""
        if not any(isinstance(inner, ast.Assert) for inner in ast.walk(node)):
            return node
        return self._guarded(node)

    def _guarded(self, node: ast.stmt) -> ast.AST:
        call = ast.Call(ast.Name("__touchstone__", ast.Load()), [ast.Constant(len(self.lines))], [])
        self.lines.append(node.lineno)
        return ast.copy_location(ast.With([ast.withitem(call)], [node]), node)


class _Guard:
    """Around one assert: notes how it went, and lets the source go on behind a failure."""

    def __init__(self, tests: Asserts, index: int) -> None:
        self._tests, self._index = tests, index

    def __enter__(self) -> None:
        self._tests._candidate.test = self._index
        self._tests._candidate.odd = ""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, (Stop, NotByValue, Unusable)):
            return False
        self._tests._report(self._index, error)
        return True


class Unittests(Tests):
    """A unittest or pytest module; each test method or function is one test, and a skip is no pass."""

    def run(self) -> None:
        """Run them in order. Raises: Unusable when there are none; Stop, NotByValue."""
        self._install_solution()
        with open("touchstone_pytest.py", encoding="utf-8") as file:
            pytest_module = types.ModuleType("pytest")
            exec(compile(file.read(), "touchstone_pytest.py", "exec"), pytest_module.__dict__)  # noqa: S102  Our own text.
        sys.modules["pytest"] = pytest_module
        module = types.ModuleType("tests")
        sys.modules["tests"] = module
        module.__dict__.update(self._space)
        self._space = module.__dict__
        self._space["__name__"] = "tests"
        names = self._static_names()
        failed: BaseException | None = None
        try:
            self._provide_names()
            exec(compile(self._tree, "<tests>", "exec"), self._space)  # noqa: S102  Trusted, and this is its jail.
        except (Stop, NotByValue, Unusable):
            raise
        except BaseException as error:  # noqa: BLE001  The candidate cannot be imported, so no test can pass.
            failed = error
        if failed is not None:
            if not names:
                raise Unusable("no_tests", "the tests hold no test")
            self._announce(names)
            for index in range(len(names)):
                self._report(index, failed)
            return
        tests = list(pytest_module.__dict__["touchstone_collect"](module))
        if not tests:
            raise Unusable("no_tests", "the tests hold no test")
        self._announce([name for name, _ in tests])
        for index, (_, test) in enumerate(tests):
            self._candidate.test = index
            self._candidate.odd = ""
            failed = None
            try:
                test()
            except (Stop, NotByValue, Unusable):
                raise
            except BaseException as error:  # noqa: BLE001  SkipTest and SystemExit too: none of them is a pass.
                failed = error
            self._report(index, failed)

    def _static_names(self) -> list[str]:
        """The tests as the text shows them, for when the module cannot be executed."""
        found: list[str] = []
        for node in self._tree.body:
            if isinstance(node, ast.ClassDef):
                inside = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
                found.extend(f"{node.name}.{n.name}" for n in inside)
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                found.append(node.name)
        return found


if __name__ == "__main__":
    main()
