"""The table of languages, and what it means for a program."""

import pytest

from sandbox.languages import check_name, place, read_languages
from sandbox.run import Program

LANGUAGES = read_languages()


def test_every_row_is_complete_and_names_only_known_placeholders() -> None:
    """A row that forgets its hello program or misspells a placeholder is found here, not by a user."""
    for language in LANGUAGES.values():
        assert language.needs
        assert language.hello.strip()
        assert language.source.endswith(language.extensions), language.name
        for word in (*language.compile, *language.run):
            for name in ("{main}", "{stem}", "{sources}", "{libraries}", "{class}", "{memory_mib}"):
                word = word.replace(name, "")
            assert "{" not in word, (language.name, word)


@pytest.mark.parametrize(
    ("source", "file", "main_class"),
    [
        ("public class Solver { public static void main(String[] a) {} }", "Solver.java", "Solver"),
        ("class Help {} class Work { public static void main(String... a) {} }", "Main.java", "Work"),
        ("/* public class Fake */ public final class Real { static void main(String[] a) {} }", "Real.java", "Real"),
        ('class A { String s = "public class B {"; public static void main(String[] a) {} }', "Main.java", "A"),
        ("class A { class Inner {} public static void main(String[] a) {} } class Z {}", "Main.java", "A"),
        ("package p; public class A { public static void main(String[] a) {} }", "A.java", "p.A"),
        ("public class Solution { int f() { return 1; } }", "Solution.java", "Solution"),
    ],
)
def test_a_java_file_is_named_after_its_public_class(source: str, file: str, main_class: str) -> None:
    """The compiler demands it, and the class with the main method is the one that runs."""
    placed = place(Program("java", {"whatever.txt": source.encode()}), LANGUAGES["java"])
    assert placed.main == file
    assert placed.fill(("{class}",), 0) == [main_class]


@pytest.mark.parametrize(
    ("source", "flavour"),
    [
        ("import sys", "plain"),
        ("import numpy as np", "numpy"),
        ("from numpy.linalg import norm", "numpy"),
        ("import os, numpy", "numpy"),
        ("def f():\n    import pandas", "science"),
        ("from scipy import stats\nimport numpy", "science"),
        ("# import numpy", "plain"),
        ("x = 'numpy'", "plain"),
    ],
)
def test_a_python_program_gets_the_zygote_that_has_its_imports(source: str, flavour: str) -> None:
    """The lightest that serves."""
    assert place(Program("python", {"main.py": source.encode()}), LANGUAGES["python"]).flavour() == flavour


def test_sisters_are_compiled_along_and_headers_are_not() -> None:
    """{sources} is the main file and its sisters of the language."""
    files = {"main.cpp": b"", "other.cc": b"", "shared.h": b"", "-odd.cpp": b""}
    placed = place(Program("cpp", files, "main.cpp"), LANGUAGES["cpp"])
    assert placed.fill(("{sources}",), 0) == ["main.cpp", "./-odd.cpp", "other.cc"]


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ("#include <iostream>\n", []),
        ("#include <openssl/md5.h>\n", ["-lcrypto"]),
        ('  #  include "openssl/sha.h"\n#include <openssl/md5.h>\n', ["-lcrypto"]),
        ("#include <gmpxx.h>\n", ["-lgmpxx", "-lgmp"]),
        ("// #include <gmp.h>\nint x; #include <gmp.h>\n", []),
        ("#include <my_gmp.h>\n", []),
    ],
)
def test_what_a_program_includes_is_linked(source: str, flags: list[str]) -> None:
    """By the headers it names, wherever they stand."""
    placed = place(Program("cpp", {"main.cpp": source.encode()}), LANGUAGES["cpp"])
    assert placed.fill(("{libraries}",), 0) == flags


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "x\0y", "x" * 201])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    """Before any jail hears of it."""
    with pytest.raises(ValueError, match="file names"):
        check_name(name)


@pytest.mark.parametrize(
    "program", [Program("c", {}), Program("c", {"a": b"", "b": b""}), Program("c", {"a": b""}, "b")]
)
def test_a_program_without_a_clear_main_file_is_refused(program: Program) -> None:
    """Guessing would run the wrong file."""
    with pytest.raises(ValueError, match="file"):
        place(program, LANGUAGES["c"])
