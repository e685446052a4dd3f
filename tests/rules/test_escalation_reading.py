"""Reading escalations of a rules file: every mistake with its place, in both languages."""

from __future__ import annotations

import json
from datetime import timezone
from importlib.resources import files

import jsonschema
import pytest
import yaml

from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.rules.escalation_reading import STEP_KEYS
from airflow_provider_dingpush.rules.escalations import CallLimits, Escalation, Step, Way
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rule_set import RuleSet

SCHEMA = json.loads(files("airflow_provider_dingpush.rules").joinpath("rules.schema.json").read_text("utf-8"))
PEOPLE = """\
people:
  - {name: zhangsan, user_id: u1, email: Zhang.San@example.com}
  - {name: lead, user_id: u2}
rotations: [{name: primary, people: [zhangsan]}]
"""
ALL = (
    PEOPLE
    + """\
max_calls_per_month: 200
rules:
  - receiver: dingtalk_default
    escalate:
      - {after: 0m, to: group}
      - {after: 2m, to: [on_call, owner]}
      - {after: 5m, ding: app, who: on_call}
      - {after: 5m, todo: very_urgent, who: zhang.san@example.com}
      - {after: 15m, ding: phone, who: primary}
      - {after: 1h30m, ding: phone, who: [lead, zhangsan]}
    ack: read
    app: dingtalk_app_default
    max_calls_per_night: 6
"""
)


def read(text: str) -> RuleSet:
    return read_rules(text, "rules.yaml", zone=timezone.utc, read_file=str, group_labels=())


def mistakes(text: str, language: str) -> list[str]:
    with pytest.raises(RulesFileError) as caught:
        read(text)
    return list(caught.value.problems if language == "en" else caught.value.problems_zh)


def rule(steps: str, more: str = "") -> str:
    return f"{PEOPLE}rules:\n  - receiver: a\n    escalate: {steps}\n{more}"


def test_all_of_it() -> None:
    found = read(ALL)
    assert found.call_limits == CallLimits(None, 200)
    assert found.rules[0].escalation == Escalation(
        (
            Step(0, Way.GROUP),
            Step(120, Way.PERSON, ("on_call", "owner")),
            Step(300, Way.APP, ("on_call",)),
            Step(300, Way.TODO, ("zhang.san@example.com",), "very_urgent"),
            Step(900, Way.PHONE, ("primary",)),
            Step(5400, Way.PHONE, ("lead", "zhangsan")),
        ),
        ack_read=True,
        app="dingtalk_app_default",
        limits=CallLimits(6, None),
    )
    assert read("rules: [{receiver: a}]").rules[0].escalation is None


@pytest.mark.parametrize(
    ("text", "place", "english", "chinese"),
    [
        (rule("[]"), "7:15", "at least one step", "至少要有一个步骤"),
        (rule("x"), "7:15", "must be a list", "应为列表"),
        (rule("[x]"), "7:16", "A step must be a mapping of after, to, ding, todo, who", "升级步骤应为映射"),
        (rule("[{to: group}]"), "7:16", "needs after", "必须有 after"),
        (rule("[{after: 5m}]"), "7:16", "exactly one of to, ding and todo", "有且仅有"),
        (rule("[{after: 5m, to: group, ding: app}]"), "7:16", "exactly one", "有且仅有"),
        (rule("[{after: soon, to: group}]"), "7:24", "must be a duration", "应为时长"),
        (rule("[{after: 5m, ding: fax, who: lead}]"), "7:34", "must be one of app, sms, phone", "app, sms, phone"),
        (rule("[{after: 5m, ding: app}]"), "7:16", "needs who", "必须有 who"),
        (rule("[{after: 5m, todo: soon, who: lead}]"), "7:34", "low, normal, urgent", "low, normal"),
        (rule("[{after: 5m, ding: app, who: leed}]"), "7:44", "did you mean 'lead'", "是否应为 'lead'"),
        (rule("[{after: 5m, to: nobody}]"), "7:32", "owner, on_call, primary, zhangsan, lead", "可用"),
        (rule("[{after: 5m, to: group, who: lead}]"), "7:44", "names its people there", "直接在 to 中写明"),
        (rule("[{after: 5m, to: lead}, {after: 1m, to: group}]"), "7:39", "must not come before", "不能早于"),
        (rule("[{after: 5m, to: lead}, {after: 5m, to: lead}]"), "7:39", "here twice", "出现了两次"),
        (rule("[{afer: 5m, to: lead}]"), "7:17", "did you mean 'after'", "是否应为 'after'"),
        (rule("[{after: 5m, to: lead}]", "    ack: seen\n"), "8:10", "must be one of read", "read"),
        (rule("[{after: 5m, to: lead}]", "    max_calls_per_night: -1\n"), "8:26", "whole number", "整数"),
        (rule("[{after: 5m, to: lead}]", "    max_calls_per_night: many\n"), "8:26", "whole number", "整数"),
        (f"{PEOPLE}max_calls_per_month: 1.5\nrules: []\n", "5:22", "whole number", "整数"),
        (f"{PEOPLE}rules:\n  - receiver: a\n    ack: read\n", "7:10", "ack belongs to a rule", "须与 escalate"),
        ("rules: [{receiver: a, escalate: [{after: 1m, to: on_call}]}]", "1:50", "no rotations", "没有 rotations"),
    ],
)
def test_a_mistake_has_a_place_and_says_what_is_right(text: str, place: str, english: str, chinese: str) -> None:
    for language, words in (("en", english), ("zh", chinese)):
        found = mistakes(text, language)
        assert any(each.startswith(f"rules.yaml:{place}: ") and words in each for each in found), found


def test_all_mistakes_are_found_at_once() -> None:
    steps = "[{after: x, ding: fax, who: nobody}, {to: group}, {after: 1m}]"
    assert len(mistakes(rule(steps, "    ack: no\n"), "en")) == 6


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert not list(validator.iter_errors(yaml.safe_load(ALL)))
    assert list(SCHEMA["definitions"]["step"]["properties"]) == list(STEP_KEYS)
    for steps in ("[]", "[{to: group}]", "[{after: 5m}]", "[{after: 5m, ding: app}]", "[{after: 5m, ding: x, who: a}]"):
        assert list(validator.iter_errors(yaml.safe_load(rule(steps)))), steps
