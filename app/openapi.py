"""The OpenAPI document with every schema where its references say it is.

Bodies that the routes read themselves are described by pydantic's own schemas, which carry their parts along under
`$defs`. A reader of the document looks for parts under `components`, so they are moved there.
"""

from typing import Any

from fastapi import FastAPI

_LOCAL, _SHARED = "#/$defs/", "#/components/schemas/"


def serve_whole(app: FastAPI) -> None:
    """Have an application serve the document that `whole` makes of its own."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = whole(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way.


def whole(document: dict[str, Any]) -> dict[str, Any]:
    """The document with each part that a schema carries along moved to the components.

    Raises: ValueError when two different parts have one name.
    """
    shared: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    parts: list[tuple[str, Any]] = []
    for holder in _objects(document):
        for key in ("$ref", *(holder["mapping"] if isinstance(holder.get("mapping"), dict) else ())):
            place = holder if key == "$ref" else holder["mapping"]
            if isinstance(target := place.get(key), str) and target.startswith(_LOCAL):
                place[key] = _SHARED + target.removeprefix(_LOCAL)
        if isinstance(holder.get("$defs"), dict):
            parts += holder["$defs"].items()
    for holder in _objects(document):
        holder.pop("$defs", None)
    for name, part in parts:
        if shared.setdefault(name, part) != part:
            raise ValueError(f"two schemas are named {name}")
    return document


def _objects(value: Any) -> list[dict[str, Any]]:
    """Every object in a JSON value."""
    found: list[dict[str, Any]] = []
    level = [value]
    while level:
        entry = level.pop()
        if isinstance(entry, dict):
            found.append(entry)
            level.extend(entry.values())
        elif isinstance(entry, list):
            level.extend(entry)
    return found
