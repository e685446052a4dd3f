"""The messages of DingTalk: kinds, mentions, and fitting to a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.messages.browser_links import browser_link as browser_link
from airflow_provider_dingpush.messages.kinds import *  # noqa: F403
from airflow_provider_dingpush.messages.kinds import __all__ as _robot_kinds
from airflow_provider_dingpush.messages.mentions import At as At

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import *  # noqa: F403
else:  # or a type checker would accept any other name

    def __getattr__(name: str) -> Any:
        """Load the kinds that only an enterprise app can send, when a DAG file uses one."""
        if name != "__all__" and not name[:1].isupper():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from airflow_provider_dingpush.messages import app_kinds

        if name == "__all__":
            return [*_robot_kinds, "At", "browser_link", *app_kinds.__all__]
        if name not in app_kinds.__all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(app_kinds, name)
