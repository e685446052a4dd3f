"""Open incidents as the commands show them: plain data, and the cells of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.cli.json_output import iso_time
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.status import clock
from airflow_provider_dingpush.pipeline.composing import local_zone

if TYPE_CHECKING:
    from airflow_provider_dingpush.oncall.claims import Claim
    from airflow_provider_dingpush.pipeline.incidents import Incident

COLUMNS = "id", "what", "since", "tries", "severity", "owner", "connection", "claimed", "step"
INCIDENT_TEXTS: Texts = {
    "id": ("Id", "编号"),
    "what": ("Incident", "故障"),
    "since": ("Open since", "开始时间"),
    "tries": ("Failures", "失败次数"),
    "severity": ("Severity", "级别"),
    "owner": ("Owner", "负责人"),
    "connection": ("Connection", "连接"),
    "claimed": ("Claimed", "认领"),
    "claimed_by": ("{by}, {time}", "{by}，{time}"),
    "claimed_by_with_note": ("{by}, {time}: {note}", "{by}，{time}：{note}"),
    "nobody": ("nobody", "无人认领"),
    "step": ("Last step", "最近一步"),
    "last_step": ("{way} {time}: {outcome}", "{way} {time}：{outcome}"),
}
"""The texts that every command about incidents shares."""


def plain_incident(incident: Incident) -> dict[str, Any]:
    """An incident as ``--json`` shows it."""
    failure = incident.failure
    return {
        "id": incident.id,
        "short_id": incident.short_id,
        "event": failure.event,
        "dag_id": failure.dag_id or None,
        "task_id": failure.task_id,
        "map_index": failure.map_index,
        "run_id": failure.run_id,
        "since": iso_time(failure.since, local_zone()),
        "last_failed_at": iso_time(failure.at, local_zone()),
        "failures": failure.count,
        "severity": failure.urgency.value,
        "owners": list(failure.owners),
        "conn_id": failure.conn_id,
        "rule": failure.rule or None,
        "claim": plain_claim(incident.claim),
        "steps": [
            {
                "way": each.way.value,
                "at": iso_time(each.at, local_zone()),
                "outcome": each.outcome.value,
                "people": list(each.people),
                "detail": each.detail or None,
            }
            for each in (incident.progress.every_attempt if incident.progress is not None else ())
        ],
    }


def plain_claim(claim: Claim | None) -> dict[str, Any] | None:
    """A claim as ``--json`` shows it."""
    if claim is None:
        return None
    return {
        "by": claim.by,
        "at": iso_time(claim.at, local_zone()),
        "note": claim.note or None,
        "how": claim.how.value,
    }


def cells_of(incident: Incident, screen: Screen) -> list[str]:
    """The cells of an incident's row, under :data:`COLUMNS`."""
    failure = incident.failure
    return [
        incident.short_id,
        failure.name,
        clock(failure.since),
        f"{failure.count:,}",
        failure.urgency.value,
        ", ".join(failure.owners),
        failure.conn_id,
        claim_text(incident.claim, screen),
        _last_step(incident, screen),
    ]


def _last_step(incident: Incident, screen: Screen) -> str:
    attempts = incident.progress.every_attempt if incident.progress is not None else []
    if not attempts:
        return ""
    last, language = attempts[-1], screen.language
    time = clock(last.at)[:16]
    return screen.text("last_step", way=last.way.words(language), time=time, outcome=last.outcome.words(language))


def claim_text(claim: Claim | None, screen: Screen) -> str:
    """Who takes care of an incident, in a few words."""
    if claim is None:
        return screen.text("nobody")
    name = "claimed_by_with_note" if claim.note else "claimed_by"
    return screen.text(name, by=claim.by, time=clock(claim.at), note=claim.note)
