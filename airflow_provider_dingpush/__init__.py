"""DingTalk (钉钉) for Apache Airflow.

The names that DAG files use most can be imported from here. Each is loaded when it is first used, because Airflow
imports this package in every process: ``from airflow_provider_dingpush import DingTalkNotifier``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_dingpush.errors import DingTalkError
    from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
    from airflow_provider_dingpush.messages import (
        OA,
        ActionCard,
        At,
        Audio,
        Button,
        FeedCard,
        FeedLink,
        File,
        Image,
        Link,
        Markdown,
        Text,
        Video,
    )
    from airflow_provider_dingpush.notifications import DingTalkNotifier
    from airflow_provider_dingpush.operators import (
        DingTalkFlushOperator,
        DingTalkOperator,
        SqlToDingTalkOperator,
        create_flush_dag,
    )
    from airflow_provider_dingpush.receipts import Receipt
    from airflow_provider_dingpush.reports.table import Table
    from airflow_provider_dingpush.targets import Group, Users, WorkNotification

__all__ = [
    "OA",
    "ActionCard",
    "At",
    "Audio",
    "Button",
    "DingTalkAppHook",
    "DingTalkError",
    "DingTalkFlushOperator",
    "DingTalkNotifier",
    "DingTalkOperator",
    "DingTalkRobotHook",
    "FeedCard",
    "FeedLink",
    "File",
    "Group",
    "Image",
    "Link",
    "Markdown",
    "Receipt",
    "SqlToDingTalkOperator",
    "Table",
    "Text",
    "Users",
    "Video",
    "WorkNotification",
    "create_flush_dag",
]
__version__ = "0.1.0"

if not TYPE_CHECKING:  # or a type checker would accept any name
    _MODULES = {
        "errors": ("DingTalkError",),
        "hooks": ("DingTalkAppHook", "DingTalkRobotHook"),
        "notifications": ("DingTalkNotifier",),
        "operators": ("DingTalkFlushOperator", "DingTalkOperator", "SqlToDingTalkOperator", "create_flush_dag"),
        "receipts": ("Receipt",),
        "reports.table": ("Table",),
        "targets": ("Group", "Users", "WorkNotification"),
    }
    _MODULE_OF = dict.fromkeys(__all__, "messages") | {name: each for each, names in _MODULES.items() for name in names}

    def __getattr__(name):
        """A name of ``__all__``, from the module that defines it."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value

    def __dir__():
        """The names that are loaded already, and those of ``__all__``."""
        return sorted({*globals(), *__all__})
