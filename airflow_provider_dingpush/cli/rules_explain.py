"""``dingpush rules explain``: which rules apply to an event, whom they notify, and why the others don't apply."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import MAXYEAR, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.airflow_database import StoredDag
from airflow_provider_dingpush.cli.connection_checks import masked_number, people_in_words
from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.known_dags import KnownDags
from airflow_provider_dingpush.cli.plain_escalation import plain_steps, steps_in_words
from airflow_provider_dingpush.cli.screen import Screen, Texts, print_table
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import DingTalkError
from airflow_provider_dingpush.events import Event, Subject, Urgency
from airflow_provider_dingpush.hooks import hook_of
from airflow_provider_dingpush.pipeline.composing import default_language, local_zone
from airflow_provider_dingpush.pipeline.import_errors import folder_of
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.routes import goes_to_alert_conn_id, rules_in
from airflow_provider_dingpush.pipeline.silences import silences_in
from airflow_provider_dingpush.rules.duty_table import OnCall
from airflow_provider_dingpush.rules.labels import Labels, labels_of
from airflow_provider_dingpush.rules.rule_set import Applies, Rule, Verdict

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.duty_table import DutyTable
    from airflow_provider_dingpush.rules.people import Person
    from airflow_provider_dingpush.rules.rule_set import RuleSet
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.targets import Target

_COLUMNS = "line", "rule", "applies", "why"
_TEXTS: Texts = {
    "line": ("Line", "行"),
    "rule": ("Rule", "规则"),
    "applies": ("Applies", "适用"),
    "why": ("Why, or to whom", "原因或接收方"),
    "yes": ("yes", "是"),
    "mismatch": ("no", "否"),
    "not_reached": ("not reached", "未到达"),
    "has_none": ("the event has no {label}; the rule wants {wanted}", "事件没有 {label}，规则要求 {wanted}"),
    "has_other": ("{label} is {has}; the rule wants {wanted}", "{label} 为 {has}，规则要求 {wanted}"),
    "earlier": ("an earlier rule applies", "前面的规则已适用"),
    "nobody": ("nobody (receiver: null)", "不通知（receiver: null）"),
    "receiver": ("{conn_id}, {language}", "{conn_id}，{language}"),
    "no_such": ("{conn_id}, which can't be used ({problem})", "{conn_id}，无法使用（{problem}）"),
    "to": ("to {to}", "发给 {to}"),
    "at": ("mentions {people}", "提醒 {people}"),
    "on_call": ("mentions on call {rotation}: {person}", "提醒 {rotation} 值班人：{person}"),
    "to_on_call": ("to on call {rotation}: {person}", "发给 {rotation} 值班人：{person}"),
    "person": ("{name} ({people})", "{name}（{people}）"),
    "escalates": ("unless claimed: {steps}", "无人认领时：{steps}"),
    "nobody_on_call": ("nobody", "无人值班"),
    "severity": ("severity {severity}", "级别 {severity}"),
    "group_by": ("digests by {labels}", "汇总按 {labels} 分组"),
    "repeat_interval": ("repeats are only counted for {duration}", "{duration} 内重复失败仅计数"),
    "muted": ("waits until {time}, quiet hours {name!r}", "等到 {time} 再发，免打扰时段 {name!r}"),
    "inactive": ("waits until {time}, outside of {name!r}", "等到 {time} 再发，不在时段 {name!r} 内"),
    "endless": ("waits: quiet hours {name!r} have no end", "暂缓：免打扰时段 {name!r} 没有结束时间"),
    "never_waits": ("P1: quiet hours {name!r} don't apply", "P1：不受免打扰时段 {name!r} 限制"),
    "silenced": ("Silenced until {time} by {id}: {about}", "静默至 {time}（{id}）：{about}"),
    "goes_on": ("later rules apply as well", "继续看后面的规则"),
    "zh": ("in Chinese", "中文"),
    "en": ("in English", "英文"),
    "sent": ("Sent to: {receivers}", "发给：{receivers}"),
    "silent": ("Nobody is notified: {name} has no receiver.", "不通知任何人：{name} 没有接收方。"),
    "default": (
        "No rule applies: sent to {conn_id} of [dingpush] alert_conn_id.",
        "没有适用的规则：按 [dingpush] alert_conn_id 发到 {conn_id}。",
    ),
    "none": (
        "No rule applies: nobody is notified.",
        "没有适用的规则：不通知任何人。",
    ),
    "dag_unknown": (
        "Airflow's database has no DAG {dag_id!r}: pass its tags and owners with --tag and --owner.",
        "Airflow 数据库中没有 DAG {dag_id!r}：请用 --tag 和 --owner 给出标签和负责人。",
    ),
    "task_unknown": ("DAG {dag_id!r} has no task {task_id!r}.", "DAG {dag_id!r} 没有任务 {task_id!r}。"),
    "unread": (
        "Tags and owners are unknown: the database can't be read ({problem}). Pass them with --tag and --owner.",
        "标签和负责人未知：无法读取数据库（{problem}）。请用 --tag 和 --owner 给出。",
    ),
}


class Asked(NamedTuple):
    """What was asked on the command line.

    :param name: of a DAG, or of a task as ``DAG.TASK``; the path of a DAG file or a component of Airflow for an event
        about one.
    :param event: its name; by default that the task or the run failed.
    :param at: when; by default now.
    :param tags: of the DAG; by default those in the database.
    :param owners: by default those in the database.
    :param run_type: such as ``scheduled``.
    :param team: of the DAG.
    """

    name: str
    event: str | None
    at: datetime | None
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    run_type: str
    team: str | None = None


@dataclass(frozen=True)
class _Subject:
    """The DAG, task, DAG file or component that is asked about.

    :param dag_id: of the DAG; empty if it is none.
    :param task_id: of the task, or the component.
    :param tags: of the DAG.
    :param owners: of the task, or of the DAG.
    :param note: what is unknown: the name of a text, and its values.
    :param file: the path of the DAG file, relative to the folder or bundle of DAGs.
    """

    dag_id: str
    task_id: str | None
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    note: tuple[str, dict[str, Any]] | None = None
    file: str | None = None

    @classmethod
    def of(cls, asked: Asked) -> _Subject:
        """What the name of an event means."""
        event = Event(asked.event) if asked.event else None
        if event is not None and event.is_about_file:
            return cls("", None, (), (), file=_path_in_bundle(asked.name))
        if event is not None and event.subject is Subject.AIRFLOW:
            return cls("", asked.name, (), ())
        return cls._of_dag(asked)

    @classmethod
    def _of_dag(cls, asked: Asked) -> _Subject:
        """Find it in the database, if that can be read and something about it isn't given."""
        splits = list(_splits(asked.name))
        if asked.tags and asked.owners:
            dag_id, task_id = splits[min(1, len(splits) - 1)]
            return cls(dag_id, task_id, asked.tags, asked.owners)
        known = KnownDags.read({dag_id for dag_id, _ in splits})
        dags = {dag.dag_id: dag for dag in known.dags}
        dag_id, task_id = next((each for each in splits if each[0] in dags), splits[min(1, len(splits) - 1)])
        dag = dags.get(dag_id)
        if dag is None:
            note = ("unread", {"problem": known.problem}) if known.problem else ("dag_unknown", {"dag_id": dag_id})
            return cls(dag_id, task_id, asked.tags, asked.owners, note)
        is_unknown = task_id is not None and task_id not in dag.tasks
        return cls(
            dag_id,
            task_id,
            asked.tags or dag.tags,
            asked.owners or _owners(dag, task_id),
            ("task_unknown", {"dag_id": dag_id, "task_id": task_id}) if is_unknown else None,
        )


def _path_in_bundle(name: str) -> str:
    """The path of a DAG file as rules see it; it may be named as on this machine."""
    path = os.path.abspath(name)
    folder, _ = folder_of(path)
    is_of_this_machine = os.path.isabs(name) or os.path.exists(path)
    return path[len(folder) :] if folder and is_of_this_machine else name


def _splits(name: str) -> Iterator[tuple[str, str | None]]:
    """DAG and task that a name may mean: ids of both may have dots. The whole name first, then the shortest DAG id."""
    yield name, None
    parts = name.split(".")
    for number in range(1, len(parts)):
        yield ".".join(parts[:number]), ".".join(parts[number:])


def _owners(dag: StoredDag, task_id: str | None) -> tuple[str, ...]:
    return dag.owners if task_id is None else tuple(filter(None, [dag.tasks.get(task_id)]))


@dataclass(frozen=True)
class _Answer:
    """What the rules say about one event.

    :param event: it.
    :param at: when it happens.
    :param subject: where it happens.
    :param labels: of the event.
    :param verdicts: on each rule.
    :param duty: who is on call.
    """

    event: Event
    at: datetime
    subject: _Subject
    labels: Labels
    verdicts: tuple[Verdict, ...]
    duty: DutyTable

    @property
    def applying(self) -> Sequence[Rule]:
        """The rules that apply."""
        return [each.rule for each in self.verdicts if each.applies is Applies.YES]

    @property
    def default_conn_id(self) -> str | None:
        """The connection that gets it because no rule applies."""
        is_default = not self.applying and goes_to_alert_conn_id(self.event)
        return airflow_option("dingpush", "alert_conn_id") if is_default else None

    def on_call(self, rotation: str) -> Person | None:
        """Who is on call at that time; nobody at the ends of the calendar."""
        with suppress(OverflowError):
            return self.duty.find(rotation, self.at)
        return None

    def muted_until(self, rule: Rule) -> datetime | None:
        """Until when a rule has it wait, in the time zone of the question; the year 9999 if that never ends."""
        until = rule.muted_until(rule.urgency_of(self.labels), self.at)
        return until if until is None or until.year >= MAXYEAR else until.astimezone(self.at.tzinfo)


def explain(asked: Asked, file: Path, language: str, *, as_json: bool) -> int:
    """Explain what the rules of a file say about an event; 0.

    :param language: of the output, ``zh`` or ``en``.
    :param as_json: print JSON.
    :raises RulesFileError: if the file can't be read, or has mistakes.
    """
    answer = _answer(asked, rules_in(file))
    if as_json:
        print_json(_plain(answer, file))
        return 0
    screen = Screen(language, _TEXTS)
    rows = [(name, ", ".join(values)) for name, values in answer.labels._asdict().items() if values]
    print_table((), rows)
    if answer.subject.note is not None:
        name, values = answer.subject.note
        screen.marked("!", "yellow", screen.text(name, **values))
    print(file=answers())
    if answer.verdicts:
        cells = [
            (str(each.rule.line), each.rule.name, screen.text(each.applies.value), _why(each, answer, screen))
            for each in answer.verdicts
        ]
        print_table([screen.text(each) for each in _COLUMNS], cells)
        print(file=answers())
    print(_result(answer, screen), file=answers())
    for each in _silences(answer):
        until = datetime.fromtimestamp(each.until, answer.at.tzinfo)
        screen.line("silenced", id=each.id, about=each.about, time=f"{until:%Y-%m-%d %H:%M}")
    return 0


def _answer(asked: Asked, rules: RuleSet) -> _Answer:
    subject = _Subject.of(asked)
    event = Event(asked.event) if asked.event else Event.TASK_FAILED if subject.task_id else Event.DAG_FAILED
    labels = labels_of(
        event,
        subject.dag_id,
        task_id=subject.task_id,
        tags=subject.tags,
        owners=subject.owners,
        run_type=asked.run_type if subject.dag_id else None,
        team=asked.team,
        file=subject.file,
    )
    at = asked.at or datetime.now(local_zone())
    # A time without a zone is one of the site.
    at = at.astimezone(local_zone()) if at.tzinfo else at.replace(tzinfo=local_zone())
    return _Answer(event, at, subject, labels, rules.explain(labels), rules.duty)


def _why(verdict: Verdict, answer: _Answer, screen: Screen) -> str:
    if verdict.applies is Applies.NOT_REACHED:
        return screen.text("earlier")
    if verdict.label is not None:
        has, wanted = _difference(verdict, answer.labels)
        code = "has_other" if has else "has_none"
        return screen.text(code, label=verdict.label, has=", ".join(has), wanted=", ".join(wanted))
    rule, index = verdict.rule, 1 if screen.language == "zh" else 0
    parts = [_receiver(rule.receiver, rule.language, screen) if rule.receiver else screen.text("nobody")]
    if isinstance(rule.to, OnCall):
        parts.append(_on_call("to_on_call", rule.to.rotation, answer, screen))
    elif rule.to is not None:
        parts.append(screen.text("to", to=json.dumps(_plain_target(rule.to), ensure_ascii=False)))
    if rule.at:
        parts.append(screen.text("at", people=people_in_words(rule.at, index)))
    parts += [_on_call("on_call", each, answer, screen) for each in rule.on_call]
    parts += _effects(rule, answer, screen)
    if rule.goes_on:
        parts.append(screen.text("goes_on"))
    return ("；" if index else "; ").join(parts)


def _on_call(name: str, rotation: str, answer: _Answer, screen: Screen) -> str:
    """Who is on call at that time, as a text."""
    person = answer.on_call(rotation)
    if person is None:
        return screen.text(name, rotation=rotation, person=screen.text("nobody_on_call"))
    people = people_in_words(person.at, 1 if screen.language == "zh" else 0)
    return screen.text(name, rotation=rotation, person=screen.text("person", name=person.name, people=people))


def _effects(rule: Rule, answer: _Answer, screen: Screen) -> Iterator[str]:
    """What a rule asks for besides the receiver."""
    if rule.severity is not None:
        yield screen.text("severity", severity=rule.severity.value)
    if rule.group_by:
        yield screen.text("group_by", labels=", ".join(rule.group_by))
    if rule.repeat_interval_seconds:
        yield screen.text("repeat_interval", duration=_duration(rule.repeat_interval_seconds, screen.language))
    if rule.receiver:
        yield from _waits(rule, answer, screen)
    if rule.receiver and rule.escalation is not None:
        yield screen.text("escalates", steps=steps_in_words(rule.escalation, screen.language))


def _waits(rule: Rule, answer: _Answer, screen: Screen) -> Iterator[str]:
    """Until when an alert waits, and why; or why it doesn't."""
    until, muted = answer.muted_until(rule), rule.muted_until(Urgency.P4, answer.at)
    if muted is None:
        return
    by = rule.muted_by(answer.at)
    name = by.replace("!", "")
    if until is None:
        yield screen.text("never_waits", name=name)
    elif until.year >= MAXYEAR:
        yield screen.text("endless", name=name)
    else:
        yield screen.text("inactive" if by.startswith("!") else "muted", time=f"{until:%Y-%m-%d %H:%M}", name=name)


def _duration(seconds: float, language: str) -> str:
    """A duration in words."""
    from airflow_provider_dingpush.alerts.words import duration_text, words_in

    return duration_text(seconds, words_in(language))


def _plain_target(to: Target | OnCall) -> dict[str, Any]:
    """What a target names, with mobile numbers partly masked."""
    given = {name: value for name, value in to.to_dict().items() if value}
    if "mobiles" in given:
        given["mobiles"] = [masked_number(each) for each in given["mobiles"]]
    return given


def _difference(verdict: Verdict, labels: Labels) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the event has of the first label that doesn't match, and what the rule wants."""
    wanted = dict(verdict.rule.match.wanted)[verdict.label or ""]
    return getattr(labels, verdict.label or ""), wanted.patterns


def _receiver(conn_id: str, language: str | None, screen: Screen) -> str:
    language, problem = _language_of(conn_id, language)
    if language is None:
        return screen.text("no_such", conn_id=conn_id, problem=problem)
    return screen.text("receiver", conn_id=conn_id, language=screen.text(language))


def _language_of(conn_id: str, language: str | None) -> tuple[str | None, str | None]:
    """The language of alerts to a connection, or why that can't be used.

    :param language: of the rule.
    """
    try:
        settings = hook_of(conn_id).settings
    except Exception as problem:  # noqa: BLE001 - any error is part of the explanation
        return None, getattr(problem, "problem", None) or described(problem)
    return language or settings.language or default_language(), None


def _result(answer: _Answer, screen: Screen) -> str:
    receivers = dict.fromkeys(rule.receiver for rule in answer.applying if rule.receiver)
    if receivers:
        return screen.text("sent", receivers=", ".join(receivers))
    if answer.applying:
        return screen.text("silent", name=answer.applying[-1].name)
    if answer.default_conn_id:
        return screen.text("default", conn_id=answer.default_conn_id)
    return screen.text("none")


def _silences(answer: _Answer) -> tuple[Silence, ...]:
    """The silences that mute the event at that time; none if the outbox can't be read."""
    at, urgencies = answer.at.timestamp(), {rule.urgency_of(answer.labels).value for rule in answer.applying}
    labels = answer.labels._replace(severity=tuple(urgencies)) if urgencies else answer.labels
    with suppress(DingTalkError):
        every = silences_in(outbox())
        return tuple(each for each in every if each.since <= at < each.until and each.matches(labels))
    return ()


def _plain(answer: _Answer, file: Path) -> dict[str, Any]:
    default = answer.default_conn_id
    receivers = [_plain_receiver(rule, answer) for rule in answer.applying if rule.receiver]
    if default:
        receivers.append(_plain_receiver(Rule("", receiver=default), answer))
    note = answer.subject.note
    return {
        "file": str(file),
        "dag_id": answer.subject.dag_id or None,
        "task_id": answer.subject.task_id,
        "event": answer.event.value,
        "at": answer.at.isoformat(timespec="seconds"),
        "labels": {name: list(values) for name, values in answer.labels._asdict().items()},
        "rules": [_plain_verdict(each, answer) for each in answer.verdicts],
        "receivers": receivers,
        "by_default": default is not None,
        "silenced_by": [each.id for each in _silences(answer)],
        "problem": note and Screen("en", _TEXTS).text(note[0], **note[1]),
    }


def _plain_on_call(rule: Rule, answer: _Answer) -> list[dict[str, Any]]:
    """Who is on call at that time in the rotations that a rule names."""
    named = [rule.to.rotation] if isinstance(rule.to, OnCall) else []
    people = {name: answer.on_call(name) for name in (*named, *rule.on_call)}
    return [{"rotation": name, "person": person and person.name} for name, person in people.items()]


def _plain_verdict(verdict: Verdict, answer: _Answer) -> dict[str, Any]:
    has, wanted = _difference(verdict, answer.labels) if verdict.label else (None, None)
    return {
        "line": verdict.rule.line,
        "name": verdict.rule.name,
        "applies": verdict.applies.value,
        "label": verdict.label,
        "has": has and list(has),
        "wanted": wanted and list(wanted),
    }


def _plain_receiver(rule: Rule, answer: _Answer) -> dict[str, Any]:
    conn_id = rule.receiver or ""
    until = answer.muted_until(rule)
    language, problem = _language_of(conn_id, rule.language)
    return {
        "conn_id": conn_id,
        "rule": rule.name or None,
        "language": language,
        "to": _plain_target(rule.to) if rule.to is not None else None,
        "mentions": bool(rule.at or rule.on_call),
        "on_call": _plain_on_call(rule, answer),
        "severity": rule.urgency_of(answer.labels).value,
        "group_by": rule.group_by and list(rule.group_by),
        "repeat_interval_seconds": rule.repeat_interval_seconds,
        "muted_until": until and until.isoformat(timespec="seconds"),
        "muted_by": rule.muted_by(answer.at) if until else None,
        "escalate": plain_steps(rule.escalation),
        "problem": problem,
    }
