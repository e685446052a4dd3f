"""What an alert says: facts read out of an Airflow callback's context, and the built-in texts made of them.

Nothing here imports Airflow. ``read_run_facts`` turns a context into :class:`RunFacts`, which is plain data;
``built_in_alert`` turns that into a Markdown message. A template of one's own sees the same facts as ``facts``.
"""

from __future__ import annotations

from airflow_provider_dingpush.alerts.airflow_site import AirflowSite, zone_named
from airflow_provider_dingpush.alerts.alert_texts import MAX_ALERT_BYTES, built_in_alert
from airflow_provider_dingpush.alerts.context_reading import read_run_facts
from airflow_provider_dingpush.alerts.markdown_escape import escape_markdown
from airflow_provider_dingpush.alerts.run_facts import FREE_TEXT, Event, FailedTask, RunFacts

__all__ = [
    "FREE_TEXT",
    "MAX_ALERT_BYTES",
    "AirflowSite",
    "Event",
    "FailedTask",
    "RunFacts",
    "built_in_alert",
    "escape_markdown",
    "read_run_facts",
    "zone_named",
]
