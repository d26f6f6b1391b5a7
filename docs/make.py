"""Writes the pages of docs/ that are lists of what the code declares: settings, metrics, words of a verdict.

`make docs` runs it; tests/test_docs.py fails when a page is not what this would write.
"""

import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticUndefined

from app.errors import FAULT_CODES, STATUS
from app.judge_settings import JudgeSettings
from app.metrics import Metrics
from app.queue import QueueState
from app.settings import Settings
from graders.preference.judge import Judge

DOCS = Path(__file__).parent


def settings_page() -> str:
    """docs/settings.md."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            named = {"data_dir": "`~/.local/state/touchstone`", "judges": "none", "profiles": "none"}
            default = named.get(name, "number of cores")
        elif default in (None, ()):
            default = "unset"
        else:
            default = f"`{default}`"
        bounds = ", ".join(filter(None, map(_bound, field.metadata)))
        meaning = " ".join((field.description or "").split())
        rows.append(f"| `TOUCHSTONE_{name.upper()}` | {default} | {bounds or '–'} | {meaning} |")
    return "\n".join(
        [
            "# Settings",
            "",
            "<!-- Written by docs/make.py from app/settings.py. -->",
            "",
            "Each is an environment variable, or, in lower case and without the prefix, a line of the TOML file that",
            "`TOUCHSTONE_CONFIG` names. The environment wins over the file. A wrong value ends the process at its",
            "start, with a sentence that names the setting.",
            "",
            "| variable | default | range | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            "## A judge's table",
            "",
            "`[judges.NAME]` in the TOML file; [judges.md](judges.md) explains, and has one to paste for each server.",
            "",
            "| field | default | range | meaning |",
            "|---|---|---|---|",
            *_judge_rows(),
            "",
        ]
    )


def _judge_rows() -> list[str]:
    schema = TypeAdapter(JudgeSettings).json_schema()
    # pydantic reads the docstrings of a class's own fields only.
    inherited = TypeAdapter(Judge).json_schema()["properties"]
    rows = []
    for name, field in sorted(schema["properties"].items(), key=lambda pair: pair[0] not in schema["required"]):
        values = next((one for one in field.get("anyOf", ()) if one.get("type") != "null"), field)
        default = "needed" if name in schema["required"] else f"`{field['default']}`" if "default" in field else "empty"
        default = {"`None`": "unset", "`[]`": "empty"}.get(default, default)
        signs = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        bounds = ", ".join(f"{sign} {values[key]}" for key, sign in signs if key in values)
        bounds = bounds or ", ".join(f"`{one}`" for one in values.get("enum", ())) or "–"
        rows.append(f"| `{name}` | {default} | {bounds} | {_words(inherited.get(name, field))} |")
    return rows


def _words(field: dict[str, Any]) -> str:
    return " ".join(field["description"].split())


def _bound(constraint: Any) -> str:
    for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
        if (value := getattr(constraint, attribute, None)) is not None:
            return f"{sign} {value:g}" if isinstance(value, float) else f"{sign} {value}"
    return f"`{constraint.pattern}`".replace("|", "\\|") if getattr(constraint, "pattern", None) else ""


def metrics_page() -> str:
    """docs/metrics.md."""
    metrics = Metrics()
    metrics.render({"math": QueueState(0, 0.0, 0)})
    rows = []
    for family in metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        rows.append(f"| `{name}` | {family.type} | {family.documentation} |")
    return "\n".join(
        [
            "# Metrics",
            "",
            "<!-- Written by docs/make.py from app/metrics.py. -->",
            "",
            "`GET /metrics`, in the Prometheus text format; `deploy/prometheus.yml` scrapes it and `deploy/alerts.yml`",
            "watches it. Labels come from closed lists (`kind`, `status`, `outcome`, `reason`, `component`,",
            "`language`, `queue`, `route`, `code`, `result`); no text of a caller becomes one. Values of the workers",
            "travel inside the results, so only API processes are scraped.",
            "",
            "| series | type | meaning |",
            "|---|---|---|",
            *sorted(rows),
            "",
        ]
    )


def faults_page() -> str:
    """docs/faults.md."""
    statuses = [f"| {status} | {kind.__doc__} |" for kind, status in sorted(STATUS.items(), key=lambda pair: pair[1])]
    codes = [f"| `{code}` | {meaning} |" for code, meaning in FAULT_CODES.items()]
    return "\n".join(
        [
            "# Faults",
            "",
            "<!-- Written by docs/make.py from app/errors.py. -->",
            "",
            "## An item that ended as `error`",
            "",
            "Our fault: the reward is null, and `fault.retryable` says whether sending it again may help.",
            "",
            "| `fault.code` | meaning |",
            "|---|---|",
            *codes,
            "",
            "## A request that was refused",
            "",
            "`application/problem+json` (RFC 9457) with `request_id`; nothing of the batch was graded.",
            "",
            "| status | meaning |",
            "|---|---|",
            *statuses,
            "",
        ]
    )


PAGES = {"settings.md": settings_page, "metrics.md": metrics_page, "faults.md": faults_page}


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        (DOCS / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
