"""The rules file: what it means, and what each mistake gets to hear."""

from __future__ import annotations

import copy
import json
import pickle
import re
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.rules.baseline_reading import BASELINE_KEYS
from airflow_provider_dingpush.rules.labels import Labels
from airflow_provider_dingpush.rules.matching import Match, Patterns
from airflow_provider_dingpush.rules.reading import FILE_KEYS, RULE_KEYS, read_duration, read_rules
from airflow_provider_dingpush.rules.rule_set import RuleSet
from airflow_provider_dingpush.targets import Users

SHANGHAI = ZoneInfo("Asia/Shanghai")
SCHEMA = json.loads(files("airflow_provider_dingpush.rules").joinpath("rules.schema.json").read_text("utf-8"))
CALENDAR = """
holidays: [2026-10-01..2026-10-07, 2026-09-25]
workdays: [2026-10-10]
"""
WHOLE = """
calendar: holidays.yaml
time_intervals:
  - name: night
    time_intervals:
      - times: [{start_time: "22:00", end_time: "08:00"}]
        weekdays: [monday:friday]
      - days: holidays
        location: Asia/Shanghai
  - name: month_end
    time_intervals:
      - {days_of_month: [-1, "1:3"], months: ["january:march", 12], years: 2026:2027}
rules:
  - name: core
    match: {dag_id: [ods_*, "!ods_tmp_*"], tags: core, event: [task_failed, dag_failed], severity: P1}
    receiver: dingtalk_core
    to: {user_ids: ["007"], mobiles: 13800000000}
    at: {mobiles: [13800000001]}
    language: zh
    severity: P1
    group_by: [owner, dag_id]
    repeat_interval: 1h30m
    mute_time_intervals: night
    active_time_intervals: [month_end]
    continue: true
  - match: {run_type: backfill}
    receiver: null
  - receiver: dingtalk_default
"""


def read(text: str, others: dict[str, str] | None = None) -> RuleSet:
    given = {"holidays.yaml": CALENDAR} if others is None else others

    def read_file(name: str) -> str:
        if name not in given:
            raise FileNotFoundError(2, "No such file or directory")
        return given[name]

    return read_rules(text, "rules.yaml", zone=SHANGHAI, read_file=read_file, group_labels=GROUP_LABELS)


def problems_of(text: str, others: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(RulesFileError) as caught:
        read(text, others)
    return caught.value.problems


def chinese_problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(RulesFileError) as caught:
        read(text)
    return caught.value.problems_in("zh")


def test_a_whole_file_is_read() -> None:
    core, backfill, everything = read(WHOLE).rules
    assert core.match == Match(
        (
            ("dag_id", Patterns(("ods_*", "!ods_tmp_*"))),
            ("tags", Patterns(("core",))),
            ("event", Patterns(("task_failed", "dag_failed"))),
            ("severity", Patterns(("P1",))),
        )
    )
    assert (core.name, core.receiver, core.language, core.severity) == ("core", "dingtalk_core", "zh", Urgency.P1)
    assert core.to == Users(user_ids=["007"], mobiles=["13800000000"])
    assert core.at == At(mobiles=["13800000001"])
    assert (core.group_by, core.repeat_interval_seconds, core.goes_on) == (("owner", "dag_id"), 5400.0, True)
    (night,) = core.mute_time_intervals
    assert night.contains(datetime(2026, 11, 27, 23, 0, tzinfo=SHANGHAI))
    assert night.contains(datetime(2026, 11, 28, 7, 59, tzinfo=SHANGHAI))  # a Saturday, but the night of Friday
    assert night.contains(datetime(2026, 10, 1, 12, 0, tzinfo=SHANGHAI))
    assert not night.contains(datetime(2026, 10, 10, 12, 0, tzinfo=SHANGHAI))  # a Saturday that is worked
    (month_end,) = core.active_time_intervals
    assert month_end.contains(datetime(2026, 2, 28, 12, 0, tzinfo=SHANGHAI))
    assert not month_end.contains(datetime(2026, 4, 30, 12, 0, tzinfo=SHANGHAI))
    assert (backfill.name, backfill.receiver, backfill.line) == ("rule 2", None, 26)
    assert (everything.match, everything.receiver) == (Match(), "dingtalk_default")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rules:\n", "rules: []\n"])
def test_a_file_without_rules_is_none(text: str) -> None:
    assert read(text) == RuleSet()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: [}", "rules.yaml:1:9: This isn't YAML: "),
        ("rules:\n\t- receiver: x\n", "rules.yaml:2:1: This isn't YAML: "),
        ("rules: {receiver: x}", "rules.yaml:1:8: rules must be a list: each item on a line that begins with '-'."),
        ("- receiver: x", "rules.yaml:1:1: A rules file must be a mapping of calendar, time_intervals, people, "),
        ("rulez: []", "rules.yaml:1:1: 'rulez' is unknown here; did you mean 'rules'?"),
        ("rules: []\nrules: []", "rules.yaml:2:1: 'rules' is here twice; leave one of them out."),
        ("rules:\n  - reciever: x", "rules.yaml:2:5: 'reciever' is unknown here; did you mean 'receiver'?"),
        (
            "rules:\n  - {name: x, reciever: y}",
            "rules.yaml:2:15: 'reciever' is unknown here; did you mean 'receiver'?",
        ),
        ("rules:\n  - name: x", "rules.yaml:2:5: A rule needs a receiver: a connection id, or null for "),
        ("rules:\n  - receiver: [a, b]", "rules.yaml:2:15: receiver must be a text."),
        (
            "rules:\n  - {receiver: x, match: {dag: y}}",
            "rules.yaml:2:27: 'dag' is unknown here; did you mean 'dag_id'?",
        ),
        ("rules:\n  - {receiver: x, match: etl_*}", "rules.yaml:2:26: match must be a mapping of dag_id, "),
        (
            "rules:\n  - {receiver: x, match: {event: task_fail}}",
            "rules.yaml:2:34: event must be one of task_started, task_failed, ",
        ),
        (
            "rules:\n  - {receiver: x, severity: high}",
            "rules.yaml:2:29: severity must be one of P1, P2, P3, P4, not 'high'.",
        ),
        ("rules:\n  - {receiver: x, language: fr}", "rules.yaml:2:29: language must be one of zh, en, not 'fr'."),
        ("rules:\n  - {receiver: x, group_by: dag}", "rules.yaml:2:29: group_by must be one of dag_id, run_id, "),
        (
            "rules:\n  - {receiver: x, repeat_interval: 4}",
            "rules.yaml:2:36: repeat_interval must be a duration such as 4h",
        ),
        ("rules:\n  - {receiver: x, continue: maybe}", "rules.yaml:2:29: continue must be true or false."),
        (
            "rules:\n  - {receiver: x, to: {team: a}}",
            "rules.yaml:2:23: to is a dict with ['team'], which names no target.",
        ),
        ("rules:\n  - {receiver: x, at: 138}", "rules.yaml:2:23: at must be an At or a dict, not str."),
        (
            "rules:\n  - {receiver: x, mute_time_intervals: [nite]}",
            "rules.yaml:2:41: There is no time interval 'nite' in time_intervals (there: none).",
        ),
        (
            "time_intervals:\n  - time_intervals: []",
            "rules.yaml:2:5: A time interval needs a name, by which rules refer to it.",
        ),
        ("time_intervals:\n  - name: n", "rules.yaml:2:5: A time interval needs time_intervals: a list of "),
        (
            "time_intervals:\n  - {name: n, time_intervals: []}\n  - {name: n, time_intervals: []}",
            "rules.yaml:3:5: The name 'n' is used twice; each time interval needs its own.",
        ),
        (
            "time_intervals:\n  - {name: n, time_intervals: [{times: [{start_time: '25:00', end_time: '08:00'}]}]}",
            "rules.yaml:2:54: start_time must be a time such as 08:00, up to 24:00, not '25:00'.",
        ),
        (
            "time_intervals:\n  - {name: n, time_intervals: [{times: [{start_time: '22:00'}]}]}",
            "rules.yaml:2:41: A time needs both start_time and end_time.",
        ),
        (
            "time_intervals:\n  - {name: n, time_intervals: [{weekdays: friday:monday}]}",
            "rules.yaml:2:43: weekdays must end after it begins; write two items instead, not 'friday:monday'.",
        ),
        (
            "time_intervals:\n  - {name: n, time_intervals: [{days_of_month: 0}]}",
            "rules.yaml:2:48: days_of_month must be 1 to 31, or -1 for the last day, or several such as 1:5, not '0'.",
        ),
        (
            "time_intervals:\n  - {name: n, time_intervals: [{location: Asia/Peking}]}",
            "rules.yaml:2:43: location must be a time zone such as Asia/Shanghai, not 'Asia/Peking'.",
        ),
        (
            "calendar: holiday.yaml",
            "rules.yaml:1:11: The calendar 'holiday.yaml' can't be read (No such file or directory)",
        ),
    ],
)
def test_a_mistake_gets_its_place_and_what_would_be_right(text: str, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)
    (chinese,) = chinese_problems_of(text)
    place = ":".join(problem.split(":")[:3])
    assert chinese.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules: {receiver: x}", "1:8: rules 应为列表：每项一行，以“-”开头。"),
        (
            "- receiver: x",
            (
                "1:1: 规则文件应为映射，可用的键：calendar, time_intervals, people, rotations, overrides, "
                "max_calls_per_night, max_calls_per_month, baselines, rules。"
            ),
        ),
        ("rules:\n  - reciever: x", "2:5: 这里没有 'reciever'，是否应为 'receiver'？"),
        ("rules:\n  - {receiver: x, severity: high}", "2:29: severity 应为 P1, P2, P3, P4 之一，而不是 'high'。"),
        (
            "rules:\n  - {receiver: x, match: {event: task_fail}}",
            "2:34: event 不能是 'task_fail'，是否应为 'task_failed'？",
        ),
    ],
)
def test_a_mistake_reads_well_in_chinese(text: str, problem: str) -> None:
    assert chinese_problems_of(text) == (f"rules.yaml:{problem}",)


@pytest.mark.parametrize(
    ("calendar", "problem"),
    [
        ("holidays: [2026-13-01]", "holidays.yaml:1:12: A day must be a date such as 2026-10-01, or several such as "),
        ("holidays: [2026-10-07..2026-10-01]", "holidays.yaml:1:12: A day must end after it begins, and within a year"),
        ("holiday: []", "holidays.yaml:1:1: 'holiday' is unknown here; did you mean 'holidays'?"),
        (
            "{holidays: [2026-10-01], workdays: [2026-10-01]}",
            "holidays.yaml:1:1: 2026-10-01 is a holiday and a workday",
        ),
    ],
)
def test_mistakes_of_the_calendar_are_in_the_calendar(calendar: str, problem: str) -> None:
    (found,) = problems_of("calendar: holidays.yaml", {"holidays.yaml": calendar})
    assert found.startswith(problem)


def test_all_mistakes_are_found_in_one_go() -> None:
    text = "rules:\n  - {receiver: x, severity: high}\n  - {receiver: x, language: fr}\nrule: 1\n"
    assert [each.split(":")[1] for each in problems_of(text)] == ["2", "3", "4"]


def test_the_error_survives_a_copy_and_pickle() -> None:
    with pytest.raises(RulesFileError, match=r"rules.yaml:1:1: .* \(1 more\)") as caught:
        read("rulez: []\nrulez: []\n")
    for same in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 - our own
        assert (str(same), same.problems) == (str(caught.value), caught.value.problems)


@pytest.mark.parametrize(("text", "seconds"), [("4h", 14400), ("90s", 90), ("1d 2h", 93600), ("1h30m", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "4", "h", "-1h", "30m1h", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 4h"):
        read_duration(text)


def keys_in_schema(*path: str) -> list[str]:
    node: Any = SCHEMA
    for name in path:
        node = node[name]
    return list(node["properties"])


def test_the_schema_that_editors_use_has_the_same_keys() -> None:
    assert keys_in_schema() == list(FILE_KEYS)
    assert keys_in_schema("definitions", "rule") == list(RULE_KEYS)
    assert keys_in_schema("definitions", "baseline") == list(BASELINE_KEYS)
    assert keys_in_schema("definitions", "rule", "properties", "match") == list(Labels._fields)
    assert SCHEMA["definitions"]["group_label"]["enum"] == list(GROUP_LABELS)
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    accepts = jsonschema.Draft7Validator(SCHEMA).is_valid
    assert accepts(yaml.safe_load(WHOLE))
    for wrong in ("{rulez: []}", "{rules: [{name: x}]}", "{rules: [{receiver: x, severity: high}]}"):
        assert not accepts(yaml.safe_load(wrong))


def test_what_belongs_into_a_connection_is_refused_and_hidden() -> None:
    """Wherever it stands, once for each place, also where an alias repeats it."""
    text = "rules:\n  - receiver: &robot token-1\n    name: token-2\n  - receiver: *robot\n    token-3: x\n"
    with pytest.raises(RulesFileError) as raised:
        read_rules(
            text,
            "rules.yaml",
            zone=SHANGHAI,
            read_file=str,
            group_labels=("dag_id",),
            is_secret=lambda each: "token-" in each,
        )
    assert [each.partition(" A webhook")[0] for each in raised.value.problems][:3] == [
        "rules.yaml:2:15:",
        "rules.yaml:3:11:",
        "rules.yaml:5:5:",
    ]
    for texts in (raised.value.problems, raised.value.problems_zh, (str(raised.value),)):
        assert "token-" not in "".join(texts)


@pytest.mark.parametrize(
    "value",
    [
        *("at: 138", "at: {team: a}", "at: {mobiles: abc}", "at: {mobiles: [1.5]}", "at: {everyone: perhaps}"),
        *("at: {user_ids: [null]}", "at: {user_ids: 'a b'}", "at: {user_ids: ''}"),
        *(
            "at: {mobiles: [13800000000], atMobiles: [13800000001]}",
            f"at: {{user_ids: [{','.join(map(str, range(51)))}]}}",
        ),
        *("to: abc", "to: [a]", "to: {team: a}", "to: {user_ids: []}", "to: {open_conversation_id: chat12}"),
        *("to: {work_notification: {team: a}}", "to: {work_notification: {}}", "to: {department_ids: [sales]}"),
        "to: {work_notification: {user_ids: [a], everyone: true}}",
    ],
)
def test_a_wrong_person_or_target_is_described_in_both_languages(value: str) -> None:
    """As every other mistake is; only names and values are the same."""
    with pytest.raises(RulesFileError) as raised:
        read(f"rules:\n  - {{receiver: x, {value}}}")
    ((english,), (chinese,)) = raised.value.problems, raised.value.problems_zh
    assert not re.search("[\u4e00-\u9fff]", english)
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert re.findall(r"\b(?:must|is|are|has|can't|write|pass|use|of|the)\b", chinese, re.IGNORECASE) == []
