"""Judges in the settings: read from TOML or JSON, handed on to child processes unchanged, refused with a reason."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.judge_settings import JudgeSettings
from app.settings import Settings, as_environment
from graders.preference.judge import Raw, Sigmoid

DOCS = Path(__file__).parents[2] / "docs"

GOOD: dict[str, Any] = {
    "dialect": "vllm-classify",
    "url": "http://10.0.0.5:8000/classify",
    "scale": {"kind": "sigmoid"},
}


def judge(**more: Any) -> JudgeSettings:
    """A judge of the settings."""
    return Settings(judges={"j": GOOD | more}).judges["j"]  # type: ignore[dict-item]


def test_a_toml_file_names_judges_in_their_order(tmp_path: Path, with_variable: Any) -> None:
    """The first is the default."""
    (tmp_path / "t.toml").write_text(
        """
        [judges.safety]
        dialect = "tei-predict"
        url = "http://tei:80/predict"
        scope = "full"
        scale = {min = 0, max = 1}
        label = "safe"
        threshold = 0.5

        [judges.helpful]
        dialect = "vllm-classify"
        url = "https://rm.example/classify"
        scale = {kind = "raw", floor = -20}
        """
    )
    with_variable("TOUCHSTONE_CONFIG", str(tmp_path / "t.toml"))
    judges = Settings().judges
    assert list(judges) == ["safety", "helpful"]
    assert judges["safety"].threshold == 0.5
    assert judges["helpful"].scale == Raw(kind="raw", floor=-20)


def test_children_get_the_same_judges(with_variable: Any) -> None:
    """`touchstone serve` hands its settings on as variables."""
    settings = Settings(
        judges={  # type: ignore[arg-type]
            "a": GOOD | {"special_tokens": ["<x>"], "extra": {"truncate_prompt_tokens": -1}},
            "b": GOOD | {"scale": {"kind": "sigmoid", "center": 1.5, "width": 2}, "ca_file": "/etc/ca.pem"},
        }
    )
    for name, value in as_environment(settings).items():
        with_variable(name, value)
    assert Settings().judges == settings.judges
    assert list(Settings().judges) == ["a", "b"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such field": ({"temprature": 1}, "nexpected"),
    "no such dialect": ({"dialect": "ollama"}, "vllm-classify"),
    "no scale": ({"scale": None}, "needs `scale`"),
    "a scale without extent": ({"scale": {"min": 1, "max": 1}}, "must differ"),
    "a width of nothing": ({"scale": {"kind": "sigmoid", "width": 0}}, "greater than 0"),
    "a raw scale without floor": ({"scale": {"kind": "raw"}}, "equired"),
    "NaN": ({"threshold": float("nan")}, "finite"),
    "a chat judge without model": ({"dialect": "chat-score", "scale": None}, "needs `model`"),
    "a chat judge with a sigmoid": ({"dialect": "chat-score", "model": "m"}, "linear"),
    "a pairwise judge with a scale": ({"dialect": "chat-pairwise", "model": "m"}, "scale of its own"),
    "SGLang without template": ({"dialect": "sglang-classify"}, "needs `template`"),
    "a template without completion": ({"template": "{prompt}"}, "completion"),
    "a template for pairs": ({"dialect": "vllm-score", "template": "{completion}"}, "takes no `template`"),
    "another scheme": ({"url": "file:///etc/passwd"}, "http"),
    "no host": ({"url": "http:///classify"}, "http"),
    "no path": ({"url": "http://10.0.0.5:8000"}, "path"),
    "a password in the address": ({"url": "http://me:pw@10.0.0.5/classify"}, "api_key_env"),
    "a port that is none": ({"url": "http://10.0.0.5:99999/classify"}, "address"),
    "a key instead of a variable": ({"api_key_env": "sk-abc123"}, "name of an environment variable"),
    "a request longer than the budget": ({"timeout_s": 200}, "budget_s"),
    "no try": ({"tries": 0}, "greater than or equal to 1"),
}


@pytest.mark.parametrize(("more", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_cannot_work_is_refused_with_the_reason(more: dict[str, Any], reason: str) -> None:
    """At the start, not with the first item."""
    with pytest.raises(ValidationError, match=reason):
        judge(**more)


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65])
def test_a_judges_name_is_a_plain_word(name: str) -> None:
    """Tasks name it."""
    with pytest.raises(ValidationError):
        Settings(judges={name: GOOD})  # type: ignore[dict-item]


def test_tables_that_children_could_not_be_handed_are_refused() -> None:
    """All of them go through one environment variable."""
    with pytest.raises(ValidationError, match="100000 bytes"):
        Settings(judges={f"j{n}": GOOD | {"template": "{completion}" + "x" * 60_000} for n in range(2)})  # type: ignore[misc]


def test_a_sigmoid_stays_finite_at_any_number() -> None:
    """Also where exp would overflow."""
    scale = Sigmoid(kind="sigmoid")
    assert [scale.score(raw) for raw in (-1e308, 0.0, 1e308)] == [pytest.approx(0, abs=1e-300), 0.5, 1.0]


def test_the_tables_of_the_documentation_can_be_pasted() -> None:
    """Every TOML block of docs/judges.md is a valid setting."""
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "judges.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 7
    dialects = set()
    for block in blocks:
        for one in Settings(judges=tomllib.loads(block)["judges"]).judges.values():
            dialects.add(one.dialect)
    assert len(dialects) == 8
