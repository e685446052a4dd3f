"""Many alerts as one message: what failed, how often, since when, why, and where to look, short enough to be read.

Every alert has a line of its own or is part of a count that is printed: the counts add up to the number of alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_contents import Contents
from airflow_provider_dingpush.alerts.digest_frame import Frame
from airflow_provider_dingpush.alerts.digest_layout import Layout
from airflow_provider_dingpush.alerts.digest_lines import Detail, LineWriter
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.digest_rows import classify
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

MOST_LINES = 60
"""A longer digest is compacted: nobody reads more than that on a phone."""

DETAILS = (
    Detail(rows=None, reasons=3, characters=120, extras=None),
    Detail(rows=None, reasons=1, characters=80, extras=20),
    Detail(rows=8, reasons=1, characters=80, extras=10),
    Detail(rows=5, reasons=1, characters=60, extras=10),
    Detail(rows=3, reasons=1, characters=60, extras=5),
    Detail(reasons=1, characters=60, extras=5),
    Detail(extras=5),
    *(
        Detail(extras=min(5, sections), sections=sections)
        for sections in (50, 40, 30, 25, 20, 15, 10, 7, 5, 3, 2, 1, 0)
    ),
)
"""From the fullest to the shortest."""


def digest(
    alerts: Sequence[Alert],
    notes: Notes | None = None,
    *,
    group_by: Sequence[str] = ("dag_id",),
    language: str,
    zone: tzinfo,
    at_most_bytes: int,
    environment: str | None = None,
) -> Markdown:
    """One message about all of these alerts.

    Its title says how much failed where, because that is all a locked phone shows. Its text has a section per group,
    and in it a line per task: how often it failed, when, why, and the newest log. The more there is, the less is shown
    of each: fewer tasks per section, then one line per section, then as many of those as fit, and always the count of
    the rest.

    :param notes: what else the message reports.
    :param group_by: the labels that make a section; some of
        :data:`~airflow_provider_dingpush.delivery.policy.GROUP_LABELS`.
    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param zone: the time zone of all times.
    :param at_most_bytes: how long the text may be, in bytes of JSON. It takes a few hundred in any case.
    :param environment: which Airflow, such as ``生产``.
    """
    contents = Contents(classify(alerts), notes or Notes(), tuple(group_by))
    write = LineWriter(contents, words_in(language), zone)
    frame = Frame(contents, write, environment or "")
    layout = Layout(contents, write, frame)
    for detail in DETAILS:
        lines = layout.lines(detail)
        # What has too many lines is never written: that would be slow where there are thousands.
        text = layout.text(lines, detail) if len(lines) <= MOST_LINES else None
        if text is not None and json_bytes(text) <= at_most_bytes:
            break
    return Markdown(frame.title, text or "")
