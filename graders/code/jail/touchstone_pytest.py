"""The part of pytest that test files for a function use, for jails that have no pytest: one file, no plugins, no hooks.

Executed as the module `pytest` inside the harness's jail. It covers raises, approx, fixture (function scope), skip,
fail, and the marks parametrize, skip, skipif and xfail; other marks do nothing. A skip, an expected failure and an
unexpected success are failures: none of them shows that the candidate is right. conftest files are never read.
"""

import functools
import inspect
import math
import re
import types
import unittest
from collections.abc import Callable, Iterator
from typing import Any


class Skipped(Exception):
    """A test that declined to run."""


class Failed(AssertionError):
    """A test that failed by its own word."""


def skip(reason: str = "", **keywords: Any) -> None:
    """Decline to run, which counts as a failure."""
    raise Skipped(reason)


def importorskip(name: str, *arguments: Any, **keywords: Any) -> Any:
    """Import a module, or decline to run."""
    try:
        return __import__(name)
    except ImportError:
        raise Skipped(name) from None


def fail(reason: str = "", **keywords: Any) -> None:
    """Fail."""
    raise Failed(reason)


class ExceptionInfo:
    """What `raises` caught."""

    value: Any = None

    @property
    def type(self) -> Any:
        """The class of the exception."""
        return type(self.value)

    def match(self, pattern: str) -> bool:
        """Whether the pattern is found in the exception's text; fails otherwise."""
        if not re.search(pattern, str(self.value)):
            raise Failed(f"{pattern!r} is not in {self.value!s}")
        return True


class raises:
    """Expect an exception, as a context manager or around a call."""

    def __new__(cls, expected: Any, *arguments: Any, **keywords: Any) -> Any:
        if arguments and callable(arguments[0]):
            with cls(expected) as info:
                arguments[0](*arguments[1:], **keywords)
            return info
        return super().__new__(cls)

    def __init__(self, expected: Any, *, match: str | None = None) -> None:
        self._expected = expected
        self._match = match
        self._info = ExceptionInfo()

    def __enter__(self) -> ExceptionInfo:
        return self._info

    def __exit__(self, kind: Any, value: BaseException | None, trace: object) -> bool:
        if value is None:
            raise Failed(f"did not raise {self._expected}")
        if not isinstance(value, self._expected):
            return False
        self._info.value = value
        if self._match is not None:
            self._info.match(self._match)
        return True


class approx:
    """A number, or numbers in a list, tuple or dict, equal within 1e-6 relative or 1e-12 absolute unless told."""

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        return self._close(self._expected, actual)

    def __ne__(self, actual: object) -> bool:
        return not self == actual

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"

    def _close(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, dict):
            return (
                isinstance(actual, dict)
                and expected.keys() == actual.keys()
                and all(self._close(value, actual[key]) for key, value in expected.items())
            )
        if isinstance(expected, (list, tuple)):
            return (
                isinstance(actual, (list, tuple))
                and len(expected) == len(actual)
                and all(self._close(e, a) for e, a in zip(expected, actual, strict=True))
            )
        if isinstance(expected, bool) or not isinstance(expected, (int, float, complex)):
            return bool(expected == actual)
        if isinstance(actual, bool) or not isinstance(actual, (int, float, complex)):
            return False
        if expected == actual:
            return True
        if isinstance(expected, float) and math.isnan(expected):
            return self._nan_ok and isinstance(actual, float) and math.isnan(actual)
        distance = abs_(expected - actual)
        if not math.isfinite(abs_(expected)):
            return False
        relative = 1e-6 if self._rel is None and self._abs is None else (self._rel or 0.0)
        absolute = 1e-12 if self._abs is None else self._abs
        return bool(distance <= max(relative * abs_(expected), absolute))


abs_ = abs


def fixture(*arguments: Any, **keywords: Any) -> Any:
    """Mark a function as a fixture: called for each test that names it."""

    def mark_fixture(function: Any) -> Any:
        function.touchstone_fixture = keywords.get("name") or function.__name__
        function.touchstone_params = keywords.get("params")
        function.touchstone_autouse = bool(keywords.get("autouse"))
        return function

    return mark_fixture(arguments[0]) if arguments and callable(arguments[0]) else mark_fixture


class _Param:
    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values


def param(*values: Any, **keywords: Any) -> Any:
    """One row of parametrize."""
    return _Param(values)


class _Marks:
    """`pytest.mark`: parametrize, skip, skipif and xfail mean something."""

    def parametrize(self, names: Any, rows: Any, **keywords: Any) -> Callable[[Any], Any]:
        """Run a test once for each row."""
        keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        cases = []
        for row in rows:
            values = row.values if isinstance(row, _Param) else (row if len(keys) > 1 else (row,))
            cases.append(dict(zip(keys, values, strict=True)))

        def mark_rows(function: Any) -> Any:
            function.touchstone_rows = [*getattr(function, "touchstone_rows", ()), cases]
            return function

        return mark_rows

    def skip(self, *arguments: Any, **keywords: Any) -> Any:
        """Decline to run, which counts as a failure."""

        def mark_skip(function: Any) -> Any:
            function.touchstone_skip = True
            return function

        return mark_skip(arguments[0]) if arguments and callable(arguments[0]) else mark_skip

    def skipif(self, condition: Any, **keywords: Any) -> Any:
        """Decline to run under a condition."""
        return self.skip() if condition else lambda function: function

    def xfail(self, *arguments: Any, **keywords: Any) -> Any:
        """A test that is expected to fail shows nothing."""
        return self.skip(*arguments)

    def __getattr__(self, name: str) -> Any:
        def mark(*arguments: Any, **keywords: Any) -> Any:
            if len(arguments) == 1 and callable(arguments[0]) and not keywords:
                return arguments[0]
            return lambda function: function

        return mark


mark = _Marks()


def touchstone_collect(module: types.ModuleType) -> Iterator[tuple[str, Callable[[], None]]]:
    """The tests of a module in the order of its text: (name, a call that raises unless it passes)."""
    space = dict(vars(module))
    fixtures = {f.touchstone_fixture: f for f in space.values() if hasattr(f, "touchstone_fixture") and callable(f)}
    for name, value in space.items():
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            for method in _in_order(value, unittest.defaultTestLoader.getTestCaseNames(value)):
                yield f"{name}.{method}", functools.partial(_run_case, value, method)
        elif isinstance(value, type) and name.startswith("Test") and value.__module__ == module.__name__:
            methods = [method for method in vars(value) if method.startswith("test")]
            for method in methods:
                for suffix, row in _rows(getattr(value, method)):
                    yield f"{name}.{method}{suffix}", functools.partial(_run_method, value, method, row, fixtures)
        elif name.startswith("test") and isinstance(value, types.FunctionType):
            for suffix, row in _rows(value):
                yield f"{name}{suffix}", functools.partial(_run_function, value, row, fixtures)


def _in_order(case: type, methods: Any) -> list[str]:
    text = list(vars(case))
    return sorted(methods, key=lambda method: text.index(method) if method in text else len(text))


def _rows(function: Any) -> list[tuple[str, dict[str, Any]]]:
    rows: list[dict[str, Any]] = [{}]
    for cases in getattr(function, "touchstone_rows", ()):
        rows = [{**row, **case} for case in cases for row in rows]
    if rows == [{}] and not getattr(function, "touchstone_rows", ()):
        return [("", {})]
    return [(f"[{index}]", row) for index, row in enumerate(rows)]


class _Keeper(unittest.TestResult):
    """Keeps the exceptions themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[BaseException] = []

    def addFailure(self, test: Any, err: Any) -> None:
        """A failed assertion."""
        self.kept.append(err[1])

    def addError(self, test: Any, err: Any) -> None:
        """Any other exception."""
        self.kept.append(err[1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """A subtest; None when it passed."""
        if err is not None:
            self.kept.append(err[1])


def _run_case(case: type, method: str) -> None:
    """One method of a TestCase, with its own result so that skips and subtests are seen."""
    result = _Keeper()
    suite = unittest.TestSuite([case(method)])
    suite.run(result)  # A suite, so that setUpClass runs too.
    if result.kept:
        raise result.kept[0]
    if result.skipped:
        raise Skipped(result.skipped[0][1])
    if result.expectedFailures or result.unexpectedSuccesses or result.testsRun != 1:
        raise Failed("did not pass")


def _run_method(owner: type, method: str, row: dict[str, Any], fixtures: dict[str, Any]) -> None:
    if getattr(owner, "touchstone_skip", False):
        raise Skipped("")
    instance = owner()
    own = {f.touchstone_fixture: f.__get__(instance) for f in vars(owner).values() if hasattr(f, "touchstone_fixture")}
    for name in ("setup_class", "setup_method"):
        if hasattr(instance, name):
            _call_setup(getattr(instance, name), method)
    try:
        _run_function(getattr(instance, method), row, fixtures | own)
    finally:
        if hasattr(instance, "teardown_method"):
            _call_setup(instance.teardown_method, method)


def _call_setup(function: Any, method: str) -> None:
    function(method) if len(inspect.signature(function).parameters) else function()


def _run_function(function: Any, row: dict[str, Any], fixtures: dict[str, Any]) -> None:
    if getattr(function, "touchstone_skip", False):
        raise Skipped("")
    generators: list[Any] = []
    made: dict[str, Any] = {}

    def value_of(name: str) -> Any:
        if name not in made:
            if name not in fixtures:
                raise Failed(f"no fixture {name!r}")
            maker = fixtures[name]
            result = maker(*(value_of(inner) for inner in inspect.signature(maker).parameters))
            if inspect.isgenerator(result):
                generators.append(result)
                result = next(result)
            made[name] = result
        return made[name]

    for name, maker in fixtures.items():
        if getattr(maker, "touchstone_autouse", False):
            value_of(name)
    names = [name for name in inspect.signature(function).parameters if name not in row]
    try:
        result = function(**row, **{name: value_of(name) for name in names})
        if inspect.iscoroutine(result):
            import asyncio

            asyncio.run(result)
    finally:
        for generator in reversed(generators):
            next(generator, None)
