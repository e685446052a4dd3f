"""Reading baselines: what each key means, and what is said of each mistake."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from airflow_provider_dingpush import rules
from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.rules.baselines import Baseline, Estimate, Output, OutputKind
from airflow_provider_dingpush.rules.duty_table import OnCall
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import RuleSet
from airflow_provider_dingpush.targets import Users

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCHEMA = json.loads(Path(rules.__file__).with_name("rules.schema.json").read_text("utf-8"))
CALENDAR = "holidays: [2026-10-01..2026-10-07]\nworkdays: [2026-10-10]\n"
WHOLE = """
calendar: holidays.yaml
baselines:
  - name: 销售日报
    dags: [report_daily, report_city]
    tasks: [etl_orders.group.publish, {dag: a.b, task: load}]
    assets: s3://lake/orders
    due: "08:30"
    days: workdays
    margin: 20m
    estimate: p90
    upstream: [ods_orders, dwd_orders]
    run_types: [scheduled, manual]
    receiver: dingtalk_boss
    to: {user_ids: [u1]}
    at: {mobiles: ["13800000000"]}
    language: zh
    severity: P1
  - {name: night, dags: nightly, due: "25:30", time_zone: Europe/Berlin, weekdays: "monday:friday"}
"""


def read(text: str) -> RuleSet:
    return read_rules(text, "rules.yaml", zone=SHANGHAI, read_file=lambda _: CALENDAR, group_labels=("dag_id",))


def only(text: str) -> Baseline:
    (found,) = read(f"baselines:\n  - {{name: x, {text}}}").baselines
    return found


def problems_of(text: str, language: str = "en") -> list[str]:
    with pytest.raises(RulesFileError) as raised:
        read(text)
    return [each.partition("rules.yaml:")[2] for each in raised.value.problems_in(language)]


def test_every_key_means_something() -> None:
    report, night = read(WHOLE).baselines
    assert report == Baseline(
        "销售日报",
        (
            Output(OutputKind.DAG, "report_daily", "report_daily"),
            Output(OutputKind.DAG, "report_city", "report_city"),
            Output(OutputKind.TASK, "group.publish", "etl_orders"),
            Output(OutputKind.TASK, "load", "a.b"),
            Output(OutputKind.ASSET, "s3://lake/orders"),
        ),
        8 * 60 + 30,
        report.days,
        1_200.0,
        Estimate.P90,
        ("ods_orders", "dwd_orders"),
        ("scheduled", "manual"),
        "dingtalk_boss",
        Users(("u1",)),
        At(("13800000000",)),
        "zh",
        Urgency.P1,
        4,
    )
    assert (night.due, night.zone, night.margin_seconds, night.estimate) == (
        *(1_530, ZoneInfo("Europe/Berlin"), 1_800.0),
        Estimate.MEDIAN,
    )
    assert report.zone is SHANGHAI


def test_whoever_is_on_call() -> None:
    """As in rules: mentioned by a robot, or the target of an app."""
    text = """
people: [{name: zhangsan, user_id: u1}]
rotations: [{name: primary, people: zhangsan}, {name: lead, people: zhangsan}]
baselines:
  - {name: a, dags: x, due: "08:30", receiver: robot, at: {on_call: lead, mobiles: ["13800000000"]}}
  - {name: b, dags: x, due: "08:30", receiver: app, to: on_call}
"""
    a, b = read(text).baselines
    assert (a.on_call, a.at) == (("lead",), At(("13800000000",)))
    assert (b.on_call, b.to) == ((), OnCall("primary"))


def test_what_the_file_needs_of_airflow() -> None:
    found = read(WHOLE)
    assert found.dags_of_baselines == {
        **dict.fromkeys(("report_daily", "report_city", "ods_orders", "dwd_orders", "nightly"), frozenset()),
        "etl_orders": frozenset({"group.publish"}),
        "a.b": frozenset({"load"}),
    }
    assert found.assets_of_baselines == {"s3://lake/orders"}
    assert [each.text for each in found.baselines[0].outputs[2:]] == [
        "etl_orders.group.publish",
        "a.b.load",
        "s3://lake/orders",
    ]


@pytest.mark.parametrize(
    ("keys", "days"),
    [
        ("", range(1, 16)),
        ("days: workdays", [8, 9, 10, 12, 13, 14, 15]),
        ("days: holidays", [1, 2, 3, 4, 5, 6, 7, 11]),
        ('weekdays: "monday:tuesday"', [5, 6, 12, 13]),
        ('days_of_month: [1, "10:11"]', [1, 10, 11]),
        ("months: september", []),
    ],
)
def test_the_days_on_which_it_is_due(keys: str, days: list[int]) -> None:
    """With 调休: 2026-10-10 is a Saturday that is worked."""
    text = f'{{name: x, dags: d, due: "08:30", {keys}}}'
    (found,) = read(f"calendar: c.yaml\nbaselines: [{text}]").baselines
    assert [each for each in range(1, 16) if found.is_due_on(date(2026, 10, each))] == list(days)


@pytest.mark.parametrize(
    ("due", "day", "at"),
    [
        ("08:30", date(2026, 12, 1), "2026-12-01T08:30:00+01:00"),
        ("24:00", date(2026, 12, 1), "2026-12-02T00:00:00+01:00"),
        ("25:30", date(2026, 12, 31), "2027-01-01T01:30:00+01:00"),
        ("47:59", date(2026, 12, 1), "2026-12-02T23:59:00+01:00"),
        ("02:30", date(2026, 3, 29), "2026-03-29T03:30:00+02:00"),  # skipped by the clock
        ("02:30", date(2026, 10, 25), "2026-10-25T02:30:00+02:00"),  # the first of two
        ("26:30", date(2026, 10, 24), "2026-10-25T02:30:00+02:00"),
    ],
)
def test_when_it_is_due(due: str, day: date, at: str) -> None:
    found = only(f'dags: d, due: "{due}", time_zone: Europe/Berlin').due_at(day)
    assert found.isoformat() == at
    assert found.timestamp() == datetime.fromisoformat(at).timestamp()


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("{}", "2:5: A baseline must be", ""),
        ('{dags: d, due: "08:30"}', "2:5: A baseline needs a name, which its alerts show.", "2:5: 基线必须有 name"),
        ("{name: x, dags: d}", "2:5: A baseline needs due: the time by which all", "2:5: 基线必须有 due"),
        (
            '{name: x, due: "08:30"}',
            "2:5: A baseline needs dags, tasks or assets",
            "2:5: 基线必须有 dags、tasks 或 assets",
        ),
        ('{name: x, dags: [], due: "08:30"}', "2:5: A baseline needs dags, tasks or assets", "2:5: 基线必须有 dags"),
        (
            "{name: x, dags: d, due: 8}",
            "2:29: due must be a time such as 08:30, or such as 25:30",
            "2:29: due 应为时间，",
        ),
        ('{name: x, dags: d, due: "48:00"}', "2:29: due must be a time such as 08:30", "2:29: due 应为时间，"),
        (
            '{name: x, dag: d, due: "08:30"}',
            "2:15: 'dag' is unknown here; did you mean 'dags'?",
            "2:15: 这里没有 'dag'",
        ),
        (
            '{name: x, tasks: d, due: "08:30"}',
            "2:22: tasks must be DAG.TASK, or {dag: ..., task: ...}",
            "2:22: tasks 应为 DAG.TASK",
        ),
        (
            '{name: x, tasks: {dag: d}, due: "08:30"}',
            "2:22: A task needs both dag and task.",
            "2:22: 任务必须同时有 dag 和 task",
        ),
        ('{name: x, dags: [d, d], due: "08:30"}', "2:25: 'd' is here twice", "2:25: 'd' 出现了两次"),
        (
            '{name: x, dags: d, due: "08:30", margin: 20}',
            "2:46: margin must be a duration such as",
            "2:46: margin 应为时长",
        ),
        (
            '{name: x, dags: d, due: "08:30", estimate: mean}',
            "2:48: estimate must be one of median, p90",
            "2:48: estimate 应为",
        ),
        (
            '{name: x, dags: d, due: "08:30", run_types: backfill}',
            "2:49: run_types must be one of scheduled",
            "2:49: run_types 应为",
        ),
        (
            '{name: x, dags: d, due: "08:30", days: sundays}',
            "2:44: days must be one of workdays, holidays",
            "2:44: days 应为",
        ),
        (
            '{name: x, dags: d, due: "08:30", time_zone: Mars}',
            "2:49: time_zone must be a time zone",
            "2:49: time_zone 应为时区",
        ),
        (
            '{name: x, dags: d, due: "08:30", language: zh}',
            "2:48: language needs a receiver beside it",
            "2:48: language 需要同时给出 receiver",
        ),
        ('{name: x, dags: d, due: "08:30", severity: P9}', "2:48: severity must be one of P1", "2:48: severity 应为"),
    ],
)
def test_a_mistake_gets_its_place_in_both_languages(text: str, english: str, chinese: str) -> None:
    wrong = f"baselines:\n  - {text}\n"
    if text == "{}":
        assert read(wrong).baselines == ()
        return
    assert problems_of(wrong)[0].startswith(english)
    assert problems_of(wrong, "zh")[0].startswith(chinese)


def test_two_baselines_have_two_names() -> None:
    text = '  - {name: x, dags: d, due: "08:30"}\n'
    assert problems_of(f"baselines:\n{text}{text}") == [
        "3:12: The name 'x' is used twice; each baseline needs its own."
    ]


def test_all_mistakes_are_found_in_one_go() -> None:
    found = problems_of("baselines:\n  - {due: x}\n  - {name: y, due: z, days: q}\n")
    assert [each.split(":")[0] for each in found] == ["2", "2", "2", "3", "3", "3"]


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    accepts = jsonschema.Draft7Validator(SCHEMA).is_valid
    assert accepts(yaml.safe_load(WHOLE))
    for wrong in ('{name: x, due: "08:30"}', "{name: x, dags: d}", '{name: x, dags: d, due: "48:00"}'):
        assert not accepts(yaml.safe_load(f"baselines: [{wrong}]"))
