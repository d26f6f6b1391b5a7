#!/usr/bin/env python3
"""Exits with 1 when a test run skipped anything, or ran nothing: `no_skips.py REPORT.xml...` (pytest's --junitxml).

An expected failure is no skip: it ran, and xfail_strict says when it stops being expected.
"""

import sys
from xml.etree import ElementTree


def main(paths: list[str]) -> int:
    status = 0
    for path in paths:
        cases = list(ElementTree.parse(path).iter("testcase"))  # noqa: S314  The report is our own.
        skips = [
            (f"{case.get('classname')}::{case.get('name')}", skip.get("message", ""))
            for case in cases
            for skip in case.iter("skipped")
            if skip.get("type") == "pytest.skip"
        ]
        if len(cases) == len(skips):
            print(f"{path}: no test ran")
            status = 1
        for name, reason in skips:
            print(f"skipped: {name}: {reason}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
