"""``dingpush rules check``: every mistake of a rules file, and what in it has no effect."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option, tells_teams
from airflow_provider_dingpush.cli.json_output import print_json
from airflow_provider_dingpush.cli.known_connections import exists
from airflow_provider_dingpush.cli.known_dags import KnownDags, known_assets, known_states
from airflow_provider_dingpush.cli.screen import Screen, Texts
from airflow_provider_dingpush.cli.standard_output import answers
from airflow_provider_dingpush.errors import RulesFileError, in_language
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.routes import rules_in
from airflow_provider_dingpush.rules.labels import EVENTS, OF_AIRFLOW
from airflow_provider_dingpush.rules.unused_rules import Why, unused_rules

if TYPE_CHECKING:
    from airflow_provider_dingpush.rules.rotations import Rotation, Shift
    from airflow_provider_dingpush.rules.rule_set import RuleSet


class WarningKind(Enum):
    """What has no effect, or not the one that was meant."""

    RECEIVER_MISSING = "receiver_missing"
    NO_EVENT = Why.NO_EVENT.value
    NO_TEAM = Why.NO_TEAM.value
    NO_DAG = Why.NO_DAG.value
    NEVER_REACHED = Why.NEVER_REACHED.value
    INTERVAL_UNUSED = "interval_unused"
    NOBODY_ON_CALL = "nobody_on_call"
    CALENDAR_ENDS = "calendar_ends"
    NOTHING_TO_READ = "nothing_to_read"
    NO_OUTPUT = "no_output"
    DAG_PAUSED = "dag_paused"


_TEXTS: Texts = {
    "mistakes": ("{problems} in {file}.", "{file} 中有 {problems}需要修正。"),
    "fine": (
        "{file} is valid: {rules}, {receivers}, {time_intervals}.",
        "{file} 有效：{rules}，{receivers}，{time_intervals}。",
    ),
    "duty": ("Duty table: {people}, {rotations}.", "值班表：{people}，{rotations}。"),
    "dags_unknown": (
        "Whether a DAG hits each rule was not checked: the database can't be read ({problem}).",
        "未检查各条规则是否匹配 DAG：无法读取数据库（{problem}）。",
    ),
    "dags_none": (
        "Whether a DAG hits each rule was not checked: the database has no DAGs yet.",
        "未检查各条规则是否匹配 DAG：数据库中还没有 DAG。",
    ),
    "dags_known": ("Compared with {dags} of Airflow's database.", "已与 Airflow 数据库中的 {dags} 对照。"),
    WarningKind.RECEIVER_MISSING.value: (
        "{place}{what}: there is no connection {name!r}. Create it under Admin > Connections.",
        "{place}{what}：没有连接 {name!r}。请在 Admin > Connections 中新建。",
    ),
    WarningKind.NO_EVENT.value: (
        "{place}{name}: has no effect, rules decide only about {events}.",
        "{place}{name}：不起作用，规则只决定这些事件：{events}。",
    ),
    WarningKind.NO_TEAM.value: (
        "{place}{name}: no DAG has a team here; that takes Airflow 3.3 or later and [core] multi_team.",
        "{place}{name}：这里的 DAG 没有团队；需要 Airflow 3.3 及以上，并启用 [core] multi_team。",
    ),
    WarningKind.NO_DAG.value: (
        "{place}{name}: no DAG of the database matches.",
        "{place}{name}：数据库中没有匹配的 DAG。",
    ),
    WarningKind.NEVER_REACHED.value: (
        "{place}{name}: never reached, whatever matches it matches an earlier rule without 'continue'.",
        "{place}{name}：永远到不了，匹配它的都已匹配前面没有 continue 的规则。",
    ),
    WarningKind.INTERVAL_UNUSED.value: (
        "time interval {name!r}: no rule refers to it.",
        "时间段 {name!r}：没有规则使用。",
    ),
    WarningKind.NOBODY_ON_CALL.value: (
        "{place}rotation {name!r}: nobody is on call from {start} to {end}{more}.",
        "{place}轮值 {name!r}：{start} 至 {end} 无人值班{more}。",
    ),
    "more_gaps": (", and {gaps} within {days} days", "，{days} 天内另有 {gaps}"),
    WarningKind.CALENDAR_ENDS.value: (
        "The calendar has no days of {year} yet, which rotations need: {name}. Add holidays and make-up workdays.",
        "日历中还没有 {year} 年，以下轮值需要用到：{name}。请补充该年的节假日和调休工作日。",
    ),
    WarningKind.NOTHING_TO_READ.value: (
        "{place}{name}: 'ack: read' has no effect, nobody gets a personal message or a DING in the app by this rule.",
        "{place}{name}：ack: read 不起作用，该规则不发单聊消息，也不发应用内 DING。",
    ),
    WarningKind.NO_OUTPUT.value: (
        "{place}baseline {name!r}: the database has no {what}.",
        "{place}基线 {name!r}：数据库中没有 {what}。",
    ),
    WarningKind.DAG_PAUSED.value: (
        "{place}baseline {name!r}: {what} is paused, so nobody is notified.",
        "{place}基线 {name!r}：{what} 已暂停，不会通知任何人。",
    ),
    "baselines": ("Baselines: {baselines}.", "基线：{baselines}。"),
}
_DAYS_AHEAD = 60
_OPTION = "[dingpush] alert_conn_id"


@dataclass(frozen=True)
class _Warning:
    """One thing in a valid file that a person should look at.

    :param kind: what it is.
    :param name: of the rule, receiver, interval, rotation or baseline.
    :param line: of the rule, rotation or baseline.
    :param what: names the receiver, or what a baseline waits for.
    :param gaps: when nobody is on call.
    :param year: that the calendar lacks.
    """

    kind: WarningKind
    name: str
    line: int | None = None
    what: str = ""
    gaps: Sequence[Shift] = ()
    year: int | None = None

    def text(self, screen: Screen, file: Path) -> str:
        """For people, in one line."""
        place = f"{file}:{self.line}: " if self.line else ""
        events = ", ".join(each.value for each in (*EVENTS, *OF_AIRFLOW))
        values = {"place": place, "name": self.name, "what": self.what, "events": events, "year": self.year}
        if self.gaps:
            zone = local_zone()
            for name, moment in (("start", self.gaps[0].start), ("end", self.gaps[0].end)):
                values[name] = f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
            others = len(self.gaps) - 1
            values["more"] = (
                screen.text("more_gaps", gaps=screen.count(others, "more gap"), days=_DAYS_AHEAD) if others else ""
            )
        return screen.text(self.kind.value, **values)


def check(file: Path, language: str, *, as_json: bool) -> int:
    """Check a rules file; 0 if it is valid, perhaps with warnings, else 1.

    :param language: of the output, ``zh`` or ``en``.
    :param as_json: print JSON.
    """
    screen = Screen(language, _TEXTS)
    try:
        rules = rules_in(file)
    except RulesFileError as mistake:
        _print_mistakes(mistake, file, screen, as_json=as_json)
        return 1
    dags = KnownDags.read()
    warnings = list(_warnings(rules, dags))
    counts = {
        "rules": len(rules.rules),
        "receivers": len(_receivers(rules)),
        "time_intervals": len(rules.intervals),
    }
    duty = {"people": len(rules.duty.people.persons), "rotations": len(rules.duty.rotations)}
    baselines = len(rules.baselines)
    if as_json:
        english = Screen("en", _TEXTS)
        document = {
            "file": str(file),
            "valid": True,
            "problems": [],
            **counts,
            **duty,
            "baselines": baselines,
            "warnings": [
                {"code": each.kind.value, "line": each.line, "name": each.name, "message": each.text(english, file)}
                for each in warnings
            ],
            "dags": None if dags.problem else len(dags.dags),
        }
        print_json(document)
        return 0
    for each in warnings:
        screen.marked("!", "yellow", each.text(screen, file))
    screen.marked("✓", "green", screen.text("fine", file=file, **_in_words(counts, screen)))
    if any(duty.values()):
        people, rotations = screen.count(duty["people"], "person"), screen.count(duty["rotations"], "rotation")
        screen.marked("✓", "green", screen.text("duty", people=people, rotations=rotations))
    if baselines:
        screen.marked("✓", "green", screen.text("baselines", baselines=screen.count(baselines, "baseline")))
    code = "dags_unknown" if dags.problem else "dags_known" if dags.dags else "dags_none"
    screen.marked("–", "yellow", screen.text(code, problem=dags.problem, dags=screen.count(len(dags.dags), "DAG")))
    return 0


def _in_words(counts: Mapping[str, int], screen: Screen) -> dict[str, str]:
    return {name: screen.count(number, name[:-1].replace("_", " ")) for name, number in counts.items()}


def _receivers(rules: RuleSet) -> dict[str, int]:
    """Connection id of each receiver -> the line of the first rule or baseline that has it."""
    found: dict[str, int] = {}
    for rule in rules.rules:
        app = rule.escalation.app if rule.escalation is not None else None
        for conn_id in filter(None, (rule.receiver, app)):
            found.setdefault(conn_id, rule.line)
    for baseline in rules.baselines:
        if baseline.receiver:
            found.setdefault(baseline.receiver, baseline.line)
    return found


def _warnings(rules: RuleSet, dags: KnownDags) -> Iterator[_Warning]:
    for conn_id, line in _receivers(rules).items():
        if not exists(conn_id):
            yield _Warning(WarningKind.RECEIVER_MISSING, conn_id, line, "receiver")
    default = airflow_option("dingpush", "alert_conn_id")
    if default and not exists(default):
        yield _Warning(WarningKind.RECEIVER_MISSING, default, what=_OPTION)
    events = [each.value for each in (*EVENTS, *OF_AIRFLOW)]
    for rule, why in unused_rules(rules.rules, events=events, possible=list(dags.labels()), has_teams=tells_teams()):
        yield _Warning(WarningKind(why.value), rule.name, rule.line)
    used = {each.name for rule in rules.rules for each in (*rule.mute_time_intervals, *rule.active_time_intervals)}
    for interval in rules.intervals:
        if interval.name not in used:
            yield _Warning(WarningKind.INTERVAL_UNUSED, interval.name)
    for rule in rules.rules:
        if rule.escalation is not None and rule.escalation.ack_read and not rule.sends_what_is_read:
            yield _Warning(WarningKind.NOTHING_TO_READ, rule.name, rule.line)
    yield from _duty_warnings(rules.duty.rotations)
    if dags.dags:
        yield from _baseline_warnings(rules, dags)


def _duty_warnings(rotations: Sequence[Rotation]) -> Iterator[_Warning]:
    """When nobody is on call, and whether the calendar knows the days ahead."""
    now = datetime.now(timezone.utc)
    until = now + timedelta(days=_DAYS_AHEAD)
    for rotation in rotations:
        if gaps := tuple(rotation.gaps(now, until)):
            yield _Warning(WarningKind.NOBODY_ON_CALL, rotation.name, rotation.line, gaps=gaps)
    lacking = [each.name for each in rotations if each.uses_calendar_beyond(until)]
    if lacking:
        yield _Warning(WarningKind.CALENDAR_ENDS, ", ".join(lacking), year=until.year)


def _baseline_warnings(rules: RuleSet, dags: KnownDags) -> Iterator[_Warning]:
    """What baselines wait for in vain: DAGs, tasks and assets that don't exist, and paused DAGs."""
    tasks = {dag.dag_id: dag.tasks for dag in dags.dags}
    states, assets = known_states(rules.dags_of_baselines), known_assets() or rules.assets_of_baselines
    for baseline in rules.baselines:
        for dag_id in (*baseline.dag_ids, *baseline.upstream):
            if dag_id not in tasks:
                yield _Warning(WarningKind.NO_OUTPUT, baseline.name, baseline.line, f"DAG {dag_id}")
            elif states.get(dag_id, (False, None))[0]:
                yield _Warning(WarningKind.DAG_PAUSED, baseline.name, baseline.line, dag_id)
        for output in baseline.outputs:
            is_task = output.task_id is not None and output.dag_id in tasks
            if is_task and output.task_id not in tasks[output.dag_id]:
                yield _Warning(WarningKind.NO_OUTPUT, baseline.name, baseline.line, f"task {output.text}")
        for name in baseline.asset_names:
            if name not in assets:
                yield _Warning(WarningKind.NO_OUTPUT, baseline.name, baseline.line, f"asset {name}")


def _print_mistakes(mistake: RulesFileError, file: Path, screen: Screen, *, as_json: bool) -> None:
    # Each begins with the name of a file in the folder of this one.
    folder = os.path.dirname(file)
    language = "en" if as_json else screen.language
    problems = [mistake.problem]
    if mistake.problems:
        problems = [os.path.join(folder, each) for each in mistake.problems_in(language)]
    elif language == "zh" and mistake.problem_zh:
        problems = [f"{mistake.problem_zh}。"]
    if as_json:
        counts = ("rules", "receivers", "time_intervals", "people", "rotations", "baselines")
        unknown = dict.fromkeys(counts)
        print_json({"file": str(file), "valid": False, "problems": problems, **unknown, "warnings": [], "dags": None})
        return
    for each in problems:
        print(each, file=answers())
    if mistake.problems:
        screen.line("mistakes", problems=screen.count(len(problems), "problem"), file=file)
    else:
        print(in_language(mistake.advice, screen.language), file=answers())
