"""What operator and notifier do with a message, mention or target in their template fields."""

from __future__ import annotations

from typing import Any

from jinja2.nativetypes import NativeEnvironment

from airflow_provider_dingpush.templating import Renderer


def rendered(value: Any, **names: Any) -> Any:
    """The value rendered to native objects, by templates that see these names."""
    return Renderer(NativeEnvironment(), names).native(value)
