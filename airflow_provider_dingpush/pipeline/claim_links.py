"""The link with which a message lets people claim what it is about: to the page in Airflow's UI."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_dingpush.messages.browser_links import browser_link
from airflow_provider_dingpush.pipeline.callback_context import site_here


def claim_link(incidents: Sequence[str]) -> str | None:
    """The page of an incident, or of all if there are several; ``None`` if this process doesn't know Airflow's URL.

    :param incidents: ids of open incidents.
    """
    site = site_here()
    url = site.incidents_url(incidents)
    return url and browser_link(url, site.links)
