"""What the steps of an escalation say: a message to a group or a person, a DING, a phone call, a to-do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.spoken_text import spoken_text
from airflow_provider_dingpush.alerts.words import duration_text, words_in
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.pipeline.composing import local_zone

if TYPE_CHECKING:
    from airflow_provider_dingpush.oncall.escalation import Outcome
    from airflow_provider_dingpush.pipeline.incidents import Incident
    from airflow_provider_dingpush.rules.escalations import Way

Because = Sequence[tuple["Way", "Outcome"]]
"""Why higher ways weren't taken."""

_MOST_LINES = 10
_NAME_CHARACTERS, _SUMMARY_CHARACTERS = 80, 120
_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Nobody has claimed: {name}", "无人认领：{name}"),
    "title_many": ("Nobody has claimed: {count} failures", "无人认领：{count} 个故障"),
    "heading": ("🚨 Nobody has claimed this yet", "🚨 故障无人认领"),
    "line": (
        "[{severity}] {name}: {event}, open for {duration}",
        "[{severity}] {name}：{event}，已持续 {duration}",
    ),
    "log": ("log", "日志"),
    "page": ("page", "页面"),
    "more": ("and {count} more", "另有 {count} 个"),
    "because": ("{way} not possible: {outcome}", "{way}未发出：{outcome}"),
    "uncertain": ("{way}: {outcome}", "{way}：{outcome}"),
    "claim": ("To claim: dingpush ack {ids}", "认领：dingpush ack {ids}"),
    "claim_link": ("[Claim in Airflow]({link})", "[在 Airflow 中认领]({link})"),
    "read": ("Reading this message claims it.", "阅读本消息即视为认领。"),
    "others_1": ("1 more failure is open", "另有 1 个故障"),
    "others": ("{count} more failures are open", "另有 {count} 个故障"),
    "pause": (". ", "。"),
    "end": (".", "。"),
    "todo": ("[{severity}] {name}: {event}", "[{severity}] {name}：{event}"),
}


def message_about(
    incidents: Sequence[Incident],
    because: Because,
    now: float,
    language: str,
    *,
    reading_claims: bool = False,
    claim_link: str | None = None,
) -> Markdown:
    """The message to a group or a person.

    :param incidents: at least one, the most urgent first.
    :param because: why it isn't a DING.
    :param now: in seconds since 1970.
    :param language: ``zh`` or ``en``.
    :param reading_claims: whether whoever reads it has claimed them.
    :param claim_link: the page in Airflow's UI on which they are claimed.
    """
    lines = [f"- {_line(each, now, language)}" for each in incidents[:_MOST_LINES]]
    if len(incidents) > _MOST_LINES:
        lines.append(f"- {_text('more', language, count=f'{len(incidents) - _MOST_LINES:,}')}")
    remarks = [_text("claim", language, ids=_ids(incidents)), *_reasons(because, language)]
    if claim_link:
        remarks.insert(0, _text("claim_link", language, link=claim_link))
    if reading_claims:
        remarks.append(_text("read", language))
    heading = f"### {_text('heading', language)}"
    return Markdown(_title(incidents, language), "\n\n".join([heading, "\n".join(lines), *remarks]))


def ding_text(incidents: Sequence[Incident], because: Because, now: float, language: str) -> str:
    """The text of a DING in the app or by SMS; parameters as for :func:`message_about`."""
    first = incidents[0].failure
    name = cut(plain_name(first.name), _NAME_CHARACTERS)
    line = _text("line", language, **_values(incidents[0], now, language) | {"name": name})
    end = _text("end", language)
    more = f"{_others(incidents, language)}{end}" if len(incidents) > 1 else ""
    parts = (line + end, more, *(f"{each}{end}" for each in _reasons(because, language)))
    claim = _text("claim", language, ids=_ids(incidents))
    return (" " if language == "en" else "").join(each for each in (*parts, claim) if each)


def call_text(incidents: Sequence[Incident], language: str) -> str:
    """The text of a phone call: short enough to be heard to its end."""
    first = incidents[0].failure
    spoken = spoken_text(
        Event(first.event),
        dag_id=first.dag_id or first.name,
        task_id=first.task_id,
        at=datetime.fromtimestamp(first.since, local_zone()),
        severity=first.urgency.value,
        language=language,
    )
    # Without a pause the number would be heard as a part of the severity.
    return _text("pause", language).join([spoken, _others(incidents, language)] if len(incidents) > 1 else [spoken])


def todo_subject(incident: Incident, language: str) -> str:
    """The title of a to-do."""
    name = cut(plain_name(incident.failure.name), _NAME_CHARACTERS)
    return _text("todo", language, **_values(incident, incident.failure.at, language) | {"name": name})


def _others(incidents: Sequence[Incident], language: str) -> str:
    """How many there are besides the first one."""
    count = len(incidents) - 1
    return _text("others_1" if count == 1 else "others", language, count=f"{count:,}")


def _title(incidents: Sequence[Incident], language: str) -> str:
    if len(incidents) > 1:
        return _text("title_many", language, count=f"{len(incidents):,}")
    return _text("title", language, name=cut(plain_name(incidents[0].failure.name), _NAME_CHARACTERS))


def _line(incident: Incident, now: float, language: str) -> str:
    failure = incident.failure
    text = _text("line", language, **_values(incident, now, language))
    links = [
        f"[{_text(name, language)}]({link})"
        for name, link in (("log", failure.log_link), ("page", failure.run_link))
        if link
    ]
    summary = escape_markdown(cut(plain_name(failure.summary), _SUMMARY_CHARACTERS)) if failure.summary else ""
    return " · ".join(each for each in (text, summary, *links[:1]) if each)


def _values(incident: Incident, now: float, language: str) -> dict[str, object]:
    failure, words = incident.failure, words_in(language)
    return {
        "severity": failure.urgency.value,
        "name": escape_markdown(cut(plain_name(failure.name), _NAME_CHARACTERS)),
        "event": words.event_in_line(Event(failure.event)),
        "duration": duration_text(max(0.0, now - failure.since), words),
    }


def _reasons(because: Because, language: str) -> list[str]:
    return [_reason(way, outcome, language) for way, outcome in because]


def _reason(way: Way, outcome: Outcome, language: str) -> str:
    words = way.words(language)
    name = "because" if outcome.reached_nobody else "uncertain"
    # Between Latin letters and Chinese there is a space.
    gap = " " if language == "zh" and name == "because" and words[-1].isascii() else ""
    text = _text(name, language, way=f"{words}{gap}", outcome=outcome.words(language))
    return text[:1].upper() + text[1:]  # it is a sentence


def _ids(incidents: Sequence[Incident]) -> str:
    return " ".join(each.short_id for each in incidents[:_MOST_LINES])


def _text(name: str, language: str, /, **values: object) -> str:
    return _TEXTS[name][language == "zh"].format(**values)
