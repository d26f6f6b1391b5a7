"""What docs/compat.md tells people to paste."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

PAGE = (Path(__file__).parents[3] / "docs" / "compat.md").read_text(encoding="utf-8")
CALLS = re.findall(
    r"curl -s '?http://127\.0\.0\.1:8000([^ ']*)'? -H 'Content-Type: application/json' -d '\n(.*?)'\n", PAGE, re.S
)


def test_the_page_has_a_call_for_every_route_that_takes_a_body(over_jails: TestClient) -> None:
    """Those that open and close a session or add up metrics have no body worth showing."""
    paths: dict[str, Any] = over_jails.get("/openapi.json").json()["paths"]
    posts = {path for path, methods in paths.items() if "post" in methods and methods["post"].get("tags") == ["compat"]}
    shown = {re.sub(r"(/compat/\w+)/.*", r"\1/{profile}", path.partition("?")[0]) for path, _ in CALLS}
    assert posts - shown == {"/seed_session", "/close_session", "/aggregate_metrics"}
    assert all(f"`{path}`" in PAGE or f" {path}`" in PAGE for path in posts)


@pytest.mark.parametrize(("path", "body"), [call for call in CALLS if "PROFILE" not in call[0]])
def test_every_call_on_the_page_is_answered(over_jails: TestClient, path: str, body: str) -> None:
    """200, and nothing in it failed."""
    response = over_jails.post(path, json=json.loads(body))
    assert response.status_code == 200, response.text
    for word in ("SandboxError", '"mask_sample": true', '"is_score_valid": false', '"invalid": [1.0]'):
        assert word not in response.text
