"""The alerts about baselines: that one is at risk, that it is late, and that it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.run_alert import RuleEffects
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.alerts.words import duration_text, words_in
from airflow_provider_dingpush.oncall.baselines import BaselineDay, Forecast, Notice, Progress
from airflow_provider_dingpush.pipeline.routes import Route, routes_of
from airflow_provider_dingpush.rules.baselines import OutputKind

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.airflow_site import AirflowSite
    from airflow_provider_dingpush.oncall.run_history import RunHistory
    from airflow_provider_dingpush.rules.baselines import Baseline

_MOST_OUTPUTS = 3
_AT_ONCE_SECONDS = 60.0
_SEVERITY_TAG = "severity:"
_MOST_OWNERS = 10

# Name of a text -> the text in English and in Chinese.
_TEXTS: Mapping[str, tuple[str, str]] = {
    "expected": (
        "Expected at {expected}, in 9 of 10 cases by {worst}; due at {due}.",
        "预计 {expected} 完成，九成情况下不晚于 {worst}；时限 {due}。",
    ),
    "overdue": (
        "It takes longer than usual and may be done at any time, in 9 of 10 cases by {worst}; due at {due}.",
        "已超出通常耗时，随时可能完成，九成情况下不晚于 {worst}；时限 {due}。",
    ),
    "long_overdue": (
        "It takes longer than nine of ten runs, so its end can't be foreseen; due at {due}.",
        "耗时已超过历史上九成的运行，无法预计完成时间；时限 {due}。",
    ),
    "unknown": (
        "Too few runs so far to expect an end; due at {due}.",
        "历史运行太少，无法预计完成时间；时限 {due}。",
    ),
    "late": ("It was due at {due} and isn't done. ", "已过时限 {due}，仍未完成。"),
    "late_expected": (
        "Expected at {expected}, in 9 of 10 cases by {worst}.",
        "预计 {expected} 完成，九成情况下不晚于 {worst}。",
    ),
    "late_overdue": (
        "It may be done at any time, in 9 of 10 cases by {worst}.",
        "随时可能完成，九成情况下不晚于 {worst}。",
    ),
    "late_long_overdue": ("Its end can't be foreseen.", "无法预计完成时间。"),
    "late_unknown": ("Too few runs so far to expect an end.", "历史运行太少，无法预计完成时间。"),
    "met": ("Done at {done}, {time} before it was due ({due}).", "{done} 完成，比时限（{due}）提前 {time}。"),
    "met_late": ("Done at {done}, {time} after it was due ({due}).", "{done} 完成，比时限（{due}）晚 {time}。"),
    "upstream": ("It waits for {dag}.", "正在等待 {dag}。"),
    "running": ("{name}: running since {at}, usually takes {took}", "{name}：{at} 开始运行，通常耗时 {took}"),
    "running_new": ("{name}: running since {at}", "{name}：{at} 开始运行"),
    "tasks": ("{text}; now at {tasks}", "{text}，当前任务：{tasks}"),
    "failed": ("{name}: its run failed at {at}; a run takes {took}", "{name}：运行已于 {at} 失败；一次运行耗时 {took}"),
    "failed_new": ("{name}: its run failed at {at}", "{name}：运行已于 {at} 失败"),
    "missing": ("{name}: has not started; usually starts at {at}", "{name}：尚未启动，通常 {at} 启动"),
    "missing_new": ("{name}: has not started", "{name}：尚未启动"),
    "asset": ("{name}: has not been updated; usually is at {at}", "{name}：尚未更新，通常 {at} 更新"),
    "asset_new": ("{name}: has not been updated", "{name}：尚未更新"),
    "more": ("… and {n} more", "……另有 {n} 项"),
}


@dataclass(frozen=True)
class _Writer:
    """Writes the text of an alert in one language.

    :param day: the baseline on one day.
    :param now: in seconds since 1970.
    :param zone: of the times.
    :param language: ``zh`` or ``en``.
    """

    day: BaselineDay
    now: float
    zone: tzinfo
    language: str

    def lines(self, notice: Notice) -> Iterator[str]:
        """What is said: when it is expected, and what it waits for."""
        if notice is Notice.MET:
            yield self._of_end()
            return
        yield self._of_expectation("late_" if notice is Notice.BREACHED else "")
        if self.day.late_upstream:
            yield self._text("upstream", dag=self.day.late_upstream)
        left = [each for each in self.day.forecasts if each.progress is not Progress.DONE]
        left.sort(key=lambda each: (each.expected is not None, -(each.expected or 0.0)))
        for each in left[:_MOST_OUTPUTS]:
            yield self.output(each)
        if len(left) > _MOST_OUTPUTS:
            yield self._text("more", n=len(left) - _MOST_OUTPUTS)

    def _of_end(self) -> str:
        margin = self.day.margin_seconds or 0.0
        time = duration_text(float(int(abs(margin))), words_in(self.language))
        return self._text("met_late" if margin < 0 else "met", done=self._clock(self.day.expected), time=time)

    def _of_expectation(self, prefix: str) -> str:
        expected, worst = self.day.expected, self.day.worst
        if expected is None or worst is None:
            name = "unknown"
        elif expected > self.now + _AT_ONCE_SECONDS:
            name = "expected"
        else:
            name = "overdue" if worst > self.now + _AT_ONCE_SECONDS else "long_overdue"
        late = self._text("late") if prefix else ""
        return late + self._text(prefix + name, expected=self._clock(expected), worst=self._clock(worst))

    def output(self, each: Forecast) -> str:
        """How far an output is."""
        name, run = each.output.text, each.run
        took = each.usual and duration_text(float(int(each.usual.took[0])), words_in(self.language))
        if run is None:
            kind = "asset" if each.output.kind is OutputKind.ASSET else "missing"
            kind = kind if each.usual_start is not None else f"{kind}_new"
            return self._text(kind, name=name, at=self._clock(each.usual_start))
        kind, at = ("failed", run.ended) if each.progress is Progress.FAILED else ("running", run.started)
        text = self._text(kind if took else f"{kind}_new", name=name, at=self._clock(at), took=took)
        if not each.tasks:
            return text
        separator = "、" if self.language == "zh" else ", "
        more = "…" if len(each.tasks) > _MOST_OUTPUTS else ""
        return self._text("tasks", text=text, tasks=separator.join(each.tasks[:_MOST_OUTPUTS]) + more)

    def _text(self, name: str, /, **values: object) -> str:
        return _TEXTS[name][self.language == "zh"].format(due=self._clock(self.day.due), **values)

    def _clock(self, at: float | None) -> str:
        """The time of the day, with the day if that isn't the one of the due time."""
        if at is None:
            return ""
        moment, due = (datetime.fromtimestamp(each, self.zone) for each in (at, self.day.due))
        return f"{moment:%H:%M}" if moment.date() == due.date() else f"{moment:%m-%d %H:%M}"


def text_of(day: BaselineDay, notice: Notice, language: str, *, now: float, zone: tzinfo) -> str:
    """What is said of a baseline.

    :param language: ``zh`` or ``en``.
    :param now: in seconds since 1970.
    :param zone: of the times.
    """
    return "\n".join(_Writer(day, now, zone, language).lines(notice))


def output_text(day: BaselineDay, forecast: Forecast, language: str, *, now: float, zone: tzinfo) -> str:
    """How far one output is, in one line."""
    return _Writer(day, now, zone, language).output(forecast)


def facts_of(
    day: BaselineDay, notice: Notice, histories: Mapping[str, RunHistory], *, now: float, site: AirflowSite
) -> RunFacts:
    """The facts of an alert about a baseline.

    :param histories: of its DAGs, by their ids.
    :param now: in seconds since 1970.
    :param site: the installation.
    """
    # Its times are those of its own zone, as in the rules file.
    baseline, zone = day.baseline, day.baseline.zone
    decisive = day.decisive
    run = decisive.run if decisive else None
    known = [histories[each] for each in baseline.dag_ids if each in histories]
    severity = baseline.severity and baseline.severity.value
    tags = [tag for each in known for tag in each.tags if not (severity and tag.lower().startswith(_SEVERITY_TAG))]
    is_dags = decisive is not None and run is not None and bool(decisive.output.dag_id)
    return RunFacts(
        notice.event,
        "",
        dag_name=baseline.name,
        baseline=baseline.name,
        baseline_dags=baseline.dag_ids,
        severity=severity,
        tags=tuple(dict.fromkeys([*tags, *([_SEVERITY_TAG + severity] if severity else [])])),
        owners=tuple(dict.fromkeys(owner for each in known for owner in each.owners))[:_MOST_OWNERS],
        run_url=site.run_url(decisive.output.dag_id, run.run_id) if is_dags and decisive and run else None,
        deadline_at=datetime.fromtimestamp(int(day.due), zone),
        late_seconds=float(int(now - day.due)),
        exception_text=text_of(day, notice, "en", now=now, zone=zone),
        exception_text_zh=text_of(day, notice, "zh", now=now, zone=zone),
        environment=site.environment,
        is_local_link=site.is_local,
        is_utc_by_default=site.is_utc_by_default,
        links=site.links,
        occurrence=day.day.isoformat(),
    )


def routes_of_baseline(baseline: Baseline, facts: RunFacts) -> tuple[Route, ...]:
    """Who is notified: the baseline's own receiver, or whom the rules name."""
    if baseline.receiver is None:
        return routes_of(facts)
    effects = RuleEffects(f"baseline {baseline.name}", severity=facts.severity, on_call=baseline.on_call or None)
    return (Route(baseline.receiver, baseline.to, baseline.at, baseline.language, effects),)
