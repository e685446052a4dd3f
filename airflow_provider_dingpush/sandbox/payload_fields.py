"""Reads fields of JSON objects that reached the old generation of APIs, and names the one that is wrong."""

from __future__ import annotations

from typing import Any

from .oapi_dialect import invalid, missing


def text_in(holder: dict[str, Any], name: str, path: str, *, required: bool = True) -> str:
    """Return a text field; ``path`` is what a refusal calls it. Without ``required`` a missing one is empty."""
    value = holder.get(name)
    if value is None or value == "":
        if required:
            raise missing(path)
        return ""
    if not isinstance(value, str):
        raise invalid(path)
    return value


def object_in(payload: dict[str, Any], name: str, path: str = "") -> dict[str, Any]:
    """Return a field that is an object."""
    path = path or name
    value = payload.get(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, dict):
        raise invalid(path)
    return value


def objects_in(holder: dict[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    """Return a field that is a list of objects, at least one."""
    values = holder.get(name)
    if values is None or values == []:
        raise missing(path)
    if not isinstance(values, list):
        raise invalid(path)
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise invalid(f"{path}[{index}]")
    return values
