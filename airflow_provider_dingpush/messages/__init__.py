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
        from importlib import import_module

        if name in _NO_KINDS:
            return getattr(import_module(f"{__name__}.{_NO_KINDS[name]}"), name)
        exported = list(_NO_KINDS)
        # Those of the second module only enterprise apps can send, and few DAG files load it.
        for module in ("kinds", "app_kinds") if name == "__all__" or name[:1].isupper() else ():
            kinds = import_module(f"{__name__}.{module}")
            if name in kinds.__all__:
                return getattr(kinds, name)
            exported += kinds.__all__
        if name == "__all__":
            return exported
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
