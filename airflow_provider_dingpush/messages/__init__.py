"""What DingTalk can carry: kinds of messages, mentions, and how a message is fitted to a size.

The names are loaded when they are first used: every process of Airflow loads something of this room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import *  # noqa: F403
    from airflow_provider_dingpush.messages.browser_links import browser_link as browser_link
    from airflow_provider_dingpush.messages.kinds import ActionCard as ActionCard
    from airflow_provider_dingpush.messages.kinds import Button as Button
    from airflow_provider_dingpush.messages.kinds import FeedCard as FeedCard
    from airflow_provider_dingpush.messages.kinds import FeedLink as FeedLink
    from airflow_provider_dingpush.messages.kinds import Link as Link
    from airflow_provider_dingpush.messages.kinds import Markdown as Markdown
    from airflow_provider_dingpush.messages.kinds import Text as Text
    from airflow_provider_dingpush.messages.mentions import At as At
else:  # a type checker would take any other name for one of these too
    _HOMES = {
        **dict.fromkeys(("ActionCard", "Button", "FeedCard", "FeedLink", "Link", "Markdown", "Text"), "kinds"),
        "At": "mentions",
        "browser_link": "browser_links",
    }

    def __getattr__(name: str) -> Any:
        """A name of this room, from the module that defines it; what only an enterprise app can send is in one."""
        if name != "__all__" and name not in _HOMES and not name[:1].isupper():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        home = import_module(f"{__name__}.{_HOMES.get(name, 'app_kinds')}")
        if name == "__all__":
            return [*_HOMES, *home.__all__]
        if name not in _HOMES and name not in home.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(home, name)
        return value
