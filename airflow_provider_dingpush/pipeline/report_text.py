"""The report as a message that reads well on a phone: short lines, the most important first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.words import duration_text, words_in
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes
from airflow_provider_dingpush.pipeline.composing import local_zone

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.incidents import Incident
    from airflow_provider_dingpush.pipeline.report import Report

_MOST_ROWS = 10
_NAME_CHARACTERS, _BY_CHARACTERS = 60, 20
_TEXTS: Mapping[str, tuple[str, str]] = {
    "title": ("Failures {since} – {until}", "故障报告 {since} 至 {until}"),
    "open_title": ("Still open: {count}", "未恢复故障：{count} 个"),
    "none_open": ("Nothing is open.", "当前没有未恢复的故障。"),
    "failures": (
        "**Failures: {count}**, recovered: {recovered}, open: {open}",
        "**失败 {count} 次**，恢复 {recovered} 次，未恢复 {open} 个",
    ),
    "to_recover": ("median time to recover: {duration}", "恢复耗时中位数：{duration}"),
    "to_claim": (
        "claimed: {claimed}, median time to claim: {duration}",
        "认领 {claimed} 个，认领耗时中位数：{duration}",
    ),
    "by_dag": ("By DAG", "按 DAG"),
    "by_owner": ("By owner", "按负责人"),
    "flapping": ("Fail again and again", "反复失败"),
    "flaps": ("{name}: recovered {count} times", "{name}：恢复 {count} 次"),
    "row": ("{name}: {count}", "{name}：{count} 次"),
    "open": ("Still open", "未恢复"),
    "open_row": ("[{severity}] {name}, for {duration}{claim}", "[{severity}] {name}，已持续 {duration}{claim}"),
    "claimed": (", {by}", "，{by} 处理中"),
    "unclaimed": (", nobody has claimed it", "，无人认领"),
    "messages": ("Messages", "消息"),
    "messages_row": (
        "{name}: {messages} (alerts in them: {alerts}); this month {month}{quota}",
        "{name}：{messages} 条（含 {alerts} 条告警）；本月 {month}{quota} 条",
    ),
    "calls": ("People called by phone: {count}", "电话通知 {count} 人次"),
    "silenced": (
        "Silenced now: {alerts} (silences: {silences})",
        "当前静默 {alerts} 条告警，静默规则 {silences} 条",
    ),
    "complete_since": ("Recorded completely since {time} only.", "{time} 之后的记录才完整。"),
    "nothing_recorded": ("No alert has been recorded yet.", "尚无任何告警记录。"),
    "more": ("… and {count} more", "……另有 {count} 个"),
}


def report_message(report: Report, language: str, *, at_most_bytes: int) -> Markdown:
    """The whole report; lists are shortened until it fits.

    :param language: ``zh`` or ``en``.
    :param at_most_bytes: of the text, as JSON.
    """
    title = _text("title", language, since=_day(report.since), until=_day(report.until))
    return _fitting(title, lambda most: _sections(report, language, most), at_most_bytes)


def open_message(report: Report, language: str, *, at_most_bytes: int) -> Markdown:
    """The daily digest: what is still open.

    :param language: ``zh`` or ``en``.
    :param at_most_bytes: of the text, as JSON.
    """
    title = _text("open_title", language, count=f"{len(report.open):,}")

    def sections(most: int) -> Iterator[str]:
        if not report.open:
            yield _text("none_open", language)
        else:
            yield _bullets(_open_rows(report.open, report.until, language), most, language)

    return _fitting(title, sections, at_most_bytes)


def _fitting(title: str, sections: Callable[[int], Iterable[str]], at_most_bytes: int) -> Markdown:
    for most in range(_MOST_ROWS, 0, -1):
        text = "\n\n".join([f"### {title}", *sections(most)])
        if json_bytes(text) <= at_most_bytes or most == 1:
            break
    return Markdown(title, text)


def _sections(report: Report, language: str, most: int) -> Iterator[str]:
    figures = report.figures
    yield _summary(report, language)
    for name, rows in (
        ("by_dag", _counted(figures.by_dag, "row", language)),
        ("by_owner", _counted(figures.by_owner, "row", language)),
        ("flapping", _counted(figures.flapping, "flaps", language)),
        ("open", _open_rows(report.open, report.until, language)),
        ("messages", _message_rows(report, language)),
    ):
        if rows:
            yield f"**{_text(name, language)}**"
            yield _bullets(rows, most, language)
    if report.complete_since == report.until:
        yield _text("nothing_recorded", language)
    elif report.complete_since is not None:
        yield _text("complete_since", language, time=_moment(report.complete_since))


def _summary(report: Report, language: str) -> str:
    figures, words = report.figures, words_in(language)
    counts = {"count": figures.failures, "recovered": figures.recovered, "open": len(report.open)}
    lines = [_text("failures", language, **{name: f"{each:,}" for name, each in counts.items()})]
    if figures.seconds_to_recover is not None:
        lines.append(_text("to_recover", language, duration=duration_text(figures.seconds_to_recover, words)))
    if figures.seconds_to_claim is not None:
        duration = duration_text(figures.seconds_to_claim, words)
        lines.append(_text("to_claim", language, claimed=f"{figures.claimed:,}", duration=duration))
    return "\n\n".join(lines)


def _counted(rows: Sequence[tuple[str, int]], name: str, language: str) -> list[str]:
    return [_text(name, language, name=_shown(each), count=f"{count:,}") for each, count in rows]


def _open_rows(incidents: Iterable[Incident], now: float, language: str) -> list[str]:
    words = words_in(language)
    return [
        _text(
            "open_row",
            language,
            severity=each.failure.urgency.value,
            name=_shown(each.failure.name),
            duration=duration_text(max(0.0, now - each.failure.since), words),
            claim=_claim(each, language),
        )
        for each in incidents
    ]


def _claim(incident: Incident, language: str) -> str:
    if incident.claim is None:
        return _text("unclaimed", language)
    return _text("claimed", language, by=escape_markdown(cut(plain_name(incident.claim.by), _BY_CHARACTERS)))


def _message_rows(report: Report, language: str) -> list[str]:
    rows = [
        _text(
            "messages_row",
            language,
            name=_shown(", ".join(each.conn_ids)),
            messages=f"{each.messages:,}",
            alerts=f"{each.alerts:,}",
            month=f"{each.this_month:,}",
            quota="" if each.monthly_quota is None else f" / {each.monthly_quota:,}",
        )
        for each in sorted(report.receivers, key=lambda each: (-each.messages, each.conn_ids))
    ]
    if report.calls:
        rows.append(_text("calls", language, count=f"{report.calls:,}"))
    silenced = sum(each.silenced for each in report.receivers)
    if silenced or report.silences:
        rows.append(_text("silenced", language, alerts=f"{silenced:,}", silences=f"{report.silences:,}"))
    return rows


def _bullets(rows: Sequence[str], most: int, language: str) -> str:
    shown = [f"- {each}" for each in rows[:most]]
    if len(rows) > most:
        shown.append(f"- {_text('more', language, count=f'{len(rows) - most:,}')}")
    return "\n".join(shown)


def _shown(name: str) -> str:
    return escape_markdown(cut(plain_name(name), _NAME_CHARACTERS))


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, local_zone()):%m-%d}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, local_zone()):%m-%d %H:%M}"


def _text(name: str, language: str, /, **values: object) -> str:
    return _TEXTS[name][language == "zh"].format(**values)
