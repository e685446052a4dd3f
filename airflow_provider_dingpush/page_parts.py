"""The page in Airflow's UI as a plugin registers it, in each version's way; loaded by web servers only."""

from __future__ import annotations

from typing import Any

from airflow_provider_dingpush.airflow_compat import page_framework
from airflow_provider_dingpush.alerts.airflow_site import PAGE_PATH
from airflow_provider_dingpush.pipeline.composing import default_language
from airflow_provider_dingpush.web.words import Words

# Also the name of the permission "menu access" in Airflow 2, so it is the same in each language.
NAME = "DingTalk alerts"


def part_of_page(name: str) -> list[Any]:
    """The value of an attribute of ``AirflowPlugin``; empty if this Airflow has the page in another way, or not at all.

    :param name: of the attribute.
    """
    framework = page_framework()
    title = Words(default_language())("title")
    if framework == "fastapi" and name == "external_views":
        # Relative to the base of Airflow's page, which knows a path in front. Without "url_route" it opens in a tab of
        # its own: the frame for plugins opens no links. Airflow 3.0 has no such views; a menu item of Airflow 2 would
        # keep its API server from starting without the FAB provider (core_api/app.py of 3.0.6, read 2026-11-28).
        return [{"name": title, "href": f"{PAGE_PATH[1:]}/", "destination": "nav", "category": "browse"}]
    if framework == "fastapi" and name == "fastapi_apps":
        from airflow_provider_dingpush.page_airflow_3 import create_app

        return [{"app": create_app(), "url_prefix": PAGE_PATH, "name": NAME}]
    if framework == "flask" and name == "appbuilder_views":
        from airflow_provider_dingpush.page_airflow_2 import DingPushView

        return [{"name": NAME, "label": title, "category": "Browse", "view": DingPushView()}]
    return []
