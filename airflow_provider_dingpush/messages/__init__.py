"""The messages of DingTalk: kinds, mentions, and fitting to a size.

Names are loaded on first use: every process of Airflow loads something of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.app_kinds import *  # noqa: F403
    from airflow_provider_dingpush.messages.browser_links import browser_link as browser_link
    from airflow_provider_dingpush.messages.kinds import *  # noqa: F403
    from airflow_provider_dingpush.messages.mentions import At as At
else:  # or a type checker would accept any other name
    _NO_KINDS = {"At": "mentions", "browser_link": "browser_links"}

    def __getattr__(name: str) -> Any:
        """A name of this package, from the module that defines it."""
        if name != "__all__" and name not in _NO_KINDS and not name[:1].isupper():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        modules = [_NO_KINDS[name]] if name in _NO_KINDS else ["kinds", "app_kinds"]
        exported: list[str] = list(_NO_KINDS) if name == "__all__" else []
        for module in (import_module(f"{__name__}.{each}") for each in modules):
            if name in module.__all__ or name in _NO_KINDS:
                value = globals()[name] = getattr(module, name)
                return value
            exported += module.__all__
        if name == "__all__":
            return exported
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
