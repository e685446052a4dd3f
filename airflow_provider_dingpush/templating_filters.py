"""What templates of messages can use beside Airflow's own filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.browser_links import browser_link
from airflow_provider_dingpush.pipeline.composing import link_form

if TYPE_CHECKING:
    import jinja2


def add_filters(env: jinja2.Environment) -> jinja2.Environment:
    """Give an environment the filters ``escape_markdown`` and ``browser_link``; the same environment."""
    env.filters["escape_markdown"] = _escape_markdown
    env.filters["browser_link"] = _browser_link
    return env


def _escape_markdown(value: Any) -> str:
    from airflow_provider_dingpush.alerts.markdown import escape_markdown

    return escape_markdown(str(value))


def _browser_link(value: Any) -> str:
    # An undefined or missing URL stays what it is, and is found by the rules of the message.
    return browser_link(str(value), link_form()) if value else str(value)
