"""Recipes: built in, inline, an operator's; their policies, and what they refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.batch import report
from app.chunk import ItemResult
from app.profiles import PROFILES, ProfilesRefused, Recipe, profiles_of
from app.settings import Settings, as_environment
from tests.app.conftest import StartApp, math_item

RIGHT, WRONG = "<think>so</think>\n<answer>\\boxed{42}</answer>", "<think>so</think>\n<answer>\\boxed{41}</answer>"
ENGLISH = "<think>First we add the numbers and then we divide the sum by two.</think>\n<answer>\\boxed{42}</answer>"
FRENCH = "<think>D'abord nous ajoutons les nombres, puis nous divisons par deux.</think>\n<answer>\\boxed{42}</answer>"

OWN = """
[profiles.last-stage]
clip = [-1, 2.5]
undecided = "null"
truncated = "wrong"
components = [{name = "accuracy"}, {name = "language", params = {target = "en"}}]

[profiles.last-stage.kinds]
none = [{name = "format"}, {name = "language", weight = 0.5, params = {target = "en"}}]
choice = [{name = "accuracy", weight = 4}]
"""


def grade(client: TestClient, *items: dict[str, Any], **batch: Any) -> list[dict[str, Any]]:
    """Post a batch that must be answered."""
    response = client.post("/v1/grade", json={"items": list(items), **batch})
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def refused(client: TestClient, *items: dict[str, Any], **batch: Any) -> list[tuple[str, str]]:
    """Post a batch that must be refused; paths and messages."""
    response = client.post("/v1/grade", json={"items": list(items), **batch})
    assert response.status_code == 422, response.text
    return [(error["path"], error["message"]) for error in response.json()["errors"]]


def test_the_built_in_recipes_are_the_contracts() -> None:
    """By name."""
    assert set(PROFILES) == {"accuracy", "r1-zero", "r1", "r1-general", "dapo", "open-r1", "trl-think"}


def test_r1_adds_accuracy_format_and_language(client: TestClient) -> None:
    """One each; the language is the prompt's."""
    prompt = "What is the mean of the two numbers?"
    english, french = grade(client, math_item(ENGLISH, prompt=prompt), math_item(FRENCH, prompt=prompt), profile="r1")
    assert english["reward"] == 3.0
    assert french["reward"] == 2.0
    assert french["components"]["language"]["score"] == 0.0


def test_the_language_asked_for_is_the_users_last(client: TestClient) -> None:
    """A system's turn, or an earlier one, may be in another language; a prompt that is one text counts whole."""
    system = {"role": "system", "content": "You are a careful assistant who first thinks and then answers."}
    french = {"role": "user", "content": "Quelle est la moyenne des deux nombres ?"}
    english = {"role": "user", "content": "And what is the mean of the two numbers?"}
    rewards = [{"name": "language"}]
    for prompt, scores in (([system, french], [0.0, 1.0]), ([system, french, english], [1.0, 0.0])):
        items = [{"completion": text, "prompt": prompt} for text in (ENGLISH, FRENCH)]
        assert [row["reward"] for row in grade(client, *items, rewards=rewards)] == scores


def test_dapo_pays_plus_or_minus_one_and_takes_for_length(client: TestClient) -> None:
    """A short completion needs no count of its tokens; a counted one is measured by it."""
    results = grade(
        client,
        math_item(RIGHT),
        math_item(WRONG),
        math_item(RIGHT, completion_tokens=18_432),
        math_item(WRONG, completion_tokens=30_000),
        profile="dapo",
    )
    assert [row["reward"] for row in results] == [1.0, -1.0, 0.5, -2.0]


def test_the_trainers_recipes_use_their_own_shapes(client: TestClient) -> None:
    """open-r1 wants its line breaks, trl-think a thought and nothing more."""
    strict = "<think>\nso\n</think>\n<answer>\n\\boxed{42}\n</answer>"
    assert [row["reward"] for row in grade(client, math_item(strict), math_item(RIGHT), profile="open-r1")] == [
        3.0,
        1.0,
    ]
    loose = "<think>so</think>\\boxed{42}"
    assert [row["reward"] for row in grade(client, math_item(loose), profile="trl-think")] == [2.0]


def test_a_count_of_tokens_that_is_needed_is_asked_for(client: TestClient) -> None:
    """422 with the path, where the length of the text leaves it open."""
    paths = refused(client, math_item("a" * 20_000), profile="dapo")
    assert [path for path, _ in paths] == ["items.0.completion_tokens"]
    rewards = [{"name": "cosine_length", "params": {"unit": "tokens"}}]
    assert refused(client, math_item("a"), rewards=rewards)[0][0] == "items.0.completion_tokens"
    assert grade(client, math_item("a", completion_tokens=5), rewards=rewards)[0]["reward"] is not None


def test_preference_takes_preference_tasks_only(client: TestClient) -> None:
    """A math verdict is no judge's opinion."""
    assert refused(client, math_item("a"), profile="r1-general")[0][0] == "items.0.task.kind"
    assert refused(client, {"completion": "a"}, profile="r1-general")[0][0] == "items.0.task"


def test_clip_holds_the_reward(client: TestClient) -> None:
    """Components keep their scores."""
    recipe = {"components": [{"name": "accuracy", "weight": 10}], "clip": [-5, 5]}
    (row,) = grade(client, math_item(RIGHT), rewards=recipe)
    assert row["reward"] == 5.0
    assert row["components"] == {"accuracy": {"score": 1.0, "weight": 10.0}}


@pytest.mark.parametrize(
    ("policy", "reward", "accuracy"),
    [("graded", 2.0, 1.0), ("wrong", 1.0, 0.0), ("null", None, None), (None, None, None)],
)
def test_a_truncated_completion_is_worth_what_the_recipe_says(
    client: TestClient, policy: str | None, reward: float | None, accuracy: float | None
) -> None:
    """As it is, as a wrong answer, or nothing; the verdict itself stays what was found."""
    recipe = {"components": [{"name": "accuracy"}, {"name": "format"}], "truncated": policy}
    cut, whole = grade(client, math_item(RIGHT, truncated=True), math_item(RIGHT), rewards=recipe)
    assert (cut["reward"], cut["components"]["accuracy"]["score"]) == (reward, accuracy)
    assert cut["verdict"]["outcome"] == "correct"
    assert whole["reward"] == 2.0


def test_a_truncated_completion_may_be_worth_less_than_nothing(client: TestClient) -> None:
    """ "wrong" means what a wrong answer would have had, by each component that looks at the verdict."""
    components = [{"name": "accuracy", "params": {"values": "signed"}}, {"name": "cosine_length"}]
    cut, wrong = grade(
        client,
        math_item(RIGHT, truncated=True),
        math_item(WRONG),
        rewards={"components": components, "truncated": "wrong"},
    )
    assert cut["reward"] == wrong["reward"] < -1


def test_kinds_have_components_of_their_own_and_one_set_of_names(start_app: StartApp, tmp_path: Path) -> None:
    """What does not count for a kind is null with weight 0, so that every result has the same keys."""
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    client = start_app(profiles_path=path)
    choice = {"completion": "The answer is \\boxed{B}", "task": {"kind": "choice", "answer": "B"}}
    maths, plain, letter = grade(client, math_item(ENGLISH), {"completion": ENGLISH}, choice, profile="last-stage")
    assert list(maths["components"]) == list(plain["components"]) == list(letter["components"])
    assert maths["reward"] == 2.0
    assert maths["components"]["format"] == {"score": None, "weight": 0.0}
    assert plain["reward"] == 1.5
    assert plain["components"]["accuracy"] == {"score": None, "weight": 0.0}
    assert letter["reward"] == 2.5  # 4, held to 2.5.


def test_operators_recipes_are_listed_and_used(start_app: StartApp) -> None:
    """From the settings themselves too; written as a request would write them inline."""
    client = start_app(profiles={"mine": {"components": [{"name": "accuracy", "weight": 3}]}})
    assert grade(client, math_item(RIGHT), profile="mine")[0]["reward"] == 3.0
    rows = {row["name"]: row["rewards"] for row in client.get("/v1/profiles").json()["profiles"]}
    assert rows["mine"] == [{"name": "accuracy", "weight": 3.0, "gate": False, "params": {}}]
    for name, rewards in rows.items():
        if name != "r1-general":
            assert grade(client, math_item(RIGHT), rewards=rewards) != [], name


BAD_RECIPES: dict[str, tuple[Any, str]] = {
    "unknown component": ({"components": [{"name": "vibes"}]}, "rewards.components.0.name"),
    "no components": ({"components": []}, "rewards.components"),
    "components missing": ({"clip": [0, 1]}, "rewards.components"),
    "twice": ({"components": [{"name": "format"}] * 2}, "rewards.components.1.name"),
    "bad parameter": (
        {"components": [{"name": "repetition", "params": {"ngram": 0}}]},
        "rewards.components.0.params.ngram",
    ),
    "pattern": (
        [{"name": "format", "params": {"style": "regex", "pattern": "(?<=a)b"}}],
        "rewards.0.params.pattern",
    ),
    "clip upside down": ({"components": [{"name": "format"}], "clip": [1, 0]}, "rewards.clip"),
    "clip of three": ({"components": [{"name": "format"}], "clip": [1, 2, 3]}, "rewards.clip"),
    "policy": ({"components": [{"name": "format"}], "undecided": "maybe"}, "rewards.undecided"),
    "kind": ({"components": [{"name": "format"}], "kinds": {"maths": [{"name": "format"}]}}, "rewards.kinds.maths"),
    "in a kind": (
        {"components": [{"name": "format"}], "kinds": {"math": [{"name": "format", "weight": "1"}]}},
        "rewards.kinds.math.0.weight",
    ),
    "of a kind": (
        {"components": [{"name": "format"}], "kinds": {"math": [{"name": "length", "params": {"slack": -1}}]}},
        "rewards.kinds.math.0.params.slack",
    ),
    "unknown field": ({"components": [{"name": "format"}], "weights": 1}, "rewards.weights"),
    "not a recipe": (3, "rewards"),
}


@pytest.mark.parametrize(("rewards", "path"), BAD_RECIPES.values(), ids=BAD_RECIPES.keys())
def test_a_bad_recipe_is_refused_with_its_path(client: TestClient, rewards: Any, path: str) -> None:
    """One error, and its path as it was sent; on an item the same behind items.N."""
    assert [found for found, _ in refused(client, math_item("x"), rewards=rewards)] == [path]
    assert [found for found, _ in refused(client, math_item("x", rewards=rewards))] == [f"items.0.{path}"]


@pytest.mark.parametrize(("policy", "reward", "scores"), [("wrong", 0.0, [0.0, 0.0]), ("null", None, [None, 0.0])])
def test_undecided_null_means_no_reward(policy: Any, reward: float | None, scores: list[float | None]) -> None:
    """A recipe that says so gets null for what would be wrong otherwise; components without a verdict keep theirs."""
    specs = PROFILES["r1-zero"].components
    verdict = {"outcome": "undecided", "reason": "undecided"}
    result = ItemResult("graded", {"accuracy": 0.0, "format": 0.0}, verdict)
    row = report(0, None, None, Recipe(specs, ("accuracy", "format"), undecided=policy), result)
    assert row["reward"] == reward
    assert [row["components"][name]["score"] for name in ("accuracy", "format")] == scores


def test_a_recipe_is_the_same_after_the_store(client: TestClient) -> None:
    """What a job keeps of it; and what the release before wrote is still read."""
    specs = PROFILES["r1"].components
    recipe = Recipe(specs, ("accuracy", "format", "language", "length"), (-1.0, 1.0), "null", "wrong")
    again = Recipe.from_json(json.loads(json.dumps(recipe.as_json())))
    assert again == recipe
    old = Recipe.from_json([["accuracy", 2.0, True]])
    assert (old.names, old.specs[0].weight, old.specs[0].gate, old.truncated) == (("accuracy",), 2.0, True, "graded")


BROKEN = """
x = 1
[profiles.dapo]
components = [{name = "accuracy"}]
[profiles."a b"]
components = [{name = "accuracy"}]
[profiles.bad]
clip = [2, 1]
components = [{name = "accuracy", weight = "x"}]
[profiles.worse]
components = [{name = "vibes"}]
[profiles.infinite]
components = [{name = "accuracy", weight = inf}]
"""


def test_broken_recipes_are_all_named_at_once(tmp_path: Path) -> None:
    """With file and path, so that one look mends them."""
    path = tmp_path / "own.toml"
    path.write_text(BROKEN, encoding="utf-8")
    with pytest.raises(ProfilesRefused) as found:
        profiles_of(Settings(profiles_path=path))
    problems = found.value.problems
    for part in ("x: only", "dapo: the name is taken", "'a b'", "bad.clip", "bad.components.0.weight", "worse"):
        assert any(part in problem and str(path) in problem for problem in problems), part
    assert any("infinite.components.0.weight" in problem for problem in problems)


def test_a_file_that_is_no_toml_is_said_so(tmp_path: Path) -> None:
    """And a folder's other files are read all the same."""
    (tmp_path / "a.toml").write_text("[profiles", encoding="utf-8")
    (tmp_path / "b.toml").write_text(OWN, encoding="utf-8")
    with pytest.raises(ProfilesRefused) as found:
        profiles_of(Settings(profiles_path=tmp_path))
    assert len(found.value.problems) == 1
    (tmp_path / "a.toml").unlink()
    assert "last-stage" in profiles_of(Settings(profiles_path=tmp_path))


def test_recipes_of_the_settings_reach_child_processes() -> None:
    """`touchstone serve` gives its API process what its own settings say."""
    given = {"mine": {"components": [{"name": "accuracy"}], "clip": [-1, 2.5]}}
    handed = as_environment(Settings(profiles=given))
    assert json.loads(handed["TOUCHSTONE_PROFILES"]) == given


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command line as a person runs it."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )


def test_profiles_check_says_what_can_be_used(tmp_path: Path) -> None:
    """Status 0 and the recipes, or 1 and every problem; 2 for a path that is not there."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(OWN, encoding="utf-8")
    bad.write_text(BROKEN, encoding="utf-8")
    done = command("profiles", "check", str(good))
    assert done.returncode == 0, done.stderr
    assert "last-stage" in done.stdout
    failed = command("profiles", "check", str(bad))
    assert failed.returncode == 1
    assert "profiles.bad.clip" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert command("profiles", "check", str(tmp_path / "none.toml")).returncode == 2


def test_the_settings_file_may_hold_recipes(tmp_path: Path) -> None:
    """As the contract says; and a command that would serve with broken ones ends at once."""
    config = tmp_path / "touchstone.toml"
    config.write_text(f"port = 9000\n{OWN}", encoding="utf-8")
    done = command("profiles", "check", TOUCHSTONE_CONFIG=str(config))
    assert "last-stage" in done.stdout, done.stderr
    config.write_text("port = 9000\n[profiles.r1]\ncomponents = []\n", encoding="utf-8")
    failed = command("serve", TOUCHSTONE_CONFIG=str(config))
    assert failed.returncode == 2
    assert "profiles.r1" in failed.stderr
