"""The messages of DingTalk: kinds, mentions, and fitting to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.browser_links import browser_link as browser_link
from airflow_provider_dingpush.messages.kinds import ActionCard as ActionCard
from airflow_provider_dingpush.messages.kinds import Button as Button
from airflow_provider_dingpush.messages.kinds import FeedCard as FeedCard
from airflow_provider_dingpush.messages.kinds import FeedLink as FeedLink
from airflow_provider_dingpush.messages.kinds import Link as Link
from airflow_provider_dingpush.messages.kinds import Markdown as Markdown
from airflow_provider_dingpush.messages.kinds import Text as Text
from airflow_provider_dingpush.messages.mentions import At as At

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import *  # noqa: F403
else:  # or a type checker would accept any other name
    _LOADED = ("ActionCard", "At", "Button", "FeedCard", "FeedLink", "Link", "Markdown", "Text", "browser_link")

    def __getattr__(name: str) -> Any:
        """Load the kinds that only an enterprise app can send, when a DAG file uses one."""
        if name != "__all__" and not name[:1].isupper():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from airflow_provider_dingpush.messages import app_kinds

        if name == "__all__":
            return [*_LOADED, *app_kinds.__all__]
        if name not in app_kinds.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(app_kinds, name)
