"""What the code declares, the documentation tells."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

from app.errors import FAULT_CODES
from app.profiles import PROFILES
from graders.components import COMPONENTS
from graders.format import STYLES
from graders.verdict import Outcome, Reason, TestOutcome

DOCS = Path(__file__).parents[1] / "docs"


def _pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("docs_make", DOCS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: render() for name, render in module.PAGES.items()}


@pytest.mark.parametrize("name", ["settings.md", "metrics.md", "faults.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    """`make docs` writes them; a change of the code without it fails here."""
    assert (DOCS / name).read_text(encoding="utf-8") == _pages()[name]


@pytest.mark.parametrize("word", [*Outcome, *Reason, *TestOutcome])
def test_every_word_of_a_verdict_is_explained(word: str) -> None:
    """docs/verdicts.md has each."""
    assert f"`{word}`" in (DOCS / "verdicts.md").read_text(encoding="utf-8")


def test_every_fault_code_and_component_is_documented() -> None:
    """docs/faults.md and docs/api.md."""
    faults = (DOCS / "faults.md").read_text(encoding="utf-8")
    assert all(f"`{code}`" in faults for code in FAULT_CODES)
    api = (DOCS / "api.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in api for name in COMPONENTS)


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_and_parameter_is_told_with_its_formula(name: str) -> None:
    """docs/rewards.md has a section for each, with all of its parameters; the common ones have one of their own."""
    page = (DOCS / "rewards.md").read_text(encoding="utf-8")
    section = page.partition(f"### `{name}`")[2].partition("\n### `")[0]
    assert section
    common = page.partition("### Parts and lengths")[2]
    for field in dataclasses.fields(COMPONENTS[name].params):
        assert f"`{field.name}" in section or f"`{field.name}`" in common, field.name


def test_every_recipe_and_style_is_told() -> None:
    """docs/rewards.md."""
    page = (DOCS / "rewards.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*PROFILES, *STYLES))
