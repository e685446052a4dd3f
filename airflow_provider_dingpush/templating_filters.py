"""The filters that templates of messages have besides Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.browser_links import browser_link
from airflow_provider_dingpush.pipeline.composing import link_form

if TYPE_CHECKING:
    import jinja2


def add_filters(env: jinja2.Environment) -> jinja2.Environment:
    """Add the filters ``escape_markdown`` and ``browser_link`` to an environment, and return it."""
    env.filters["escape_markdown"] = _escape_markdown
    env.filters["browser_link"] = _browser_link
    return env


def _escape_markdown(value: Any) -> str:
    from airflow_provider_dingpush.alerts.markdown import escape_markdown

    return escape_markdown(str(value))


def _browser_link(value: Any) -> str:
    # An undefined or missing URL is left unchanged, and refused by the rules of the message.
    return browser_link(str(value), link_form()) if value else str(value)
