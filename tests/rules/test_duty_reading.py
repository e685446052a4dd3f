"""The duty table of a rules file: what it means, and what each mistake gets to hear."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date, datetime, timezone
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import yaml

from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.rules.duty_reading import LAYER_KEYS, OVERRIDE_KEYS, PERSON_KEYS, ROTATION_KEYS
from airflow_provider_dingpush.rules.duty_table import OnCall
from airflow_provider_dingpush.rules.people import Person
from airflow_provider_dingpush.rules.reading import read_rules
from airflow_provider_dingpush.rules.rotations import Layer, Override, Rotation, Turn
from airflow_provider_dingpush.rules.rule_set import RuleSet
from airflow_provider_dingpush.rules.time_intervals import DayKind, Span, TimeRange
from airflow_provider_dingpush.rules.workdays import Calendar

SHANGHAI, LONDON = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
SCHEMA = json.loads(files("airflow_provider_dingpush.rules").joinpath("rules.schema.json").read_text("utf-8"))
CALENDAR = Calendar(frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)}))
WHOLE = """
calendar: holidays.yaml
people:
  - {name: zhangsan, user_id: manager7, mobile: 13800000001, email: zhangsan@example.com}
  - {name: 李四, mobile: "+852-51234567"}
  - {name: wangwu, user_id: 007}
rotations:
  - name: primary
    handover: "09:00"
    layers:
      - {people: [zhangsan, 李四], every: week, start: 2026-11-30}
      - people: [wangwu, 李四]
        every: 2 Holidays
        start: 2026-12-05
        weekdays: [saturday:sunday]
        times: [{start_time: "09:00", end_time: "21:00"}]
  - name: lead
    time_zone: Europe/London
    people: wangwu
    days: workdays
overrides:
  - {rotation: primary, days: 2026-12-01..2026-12-03, person: 李四}
  - {rotation: primary, from: 2026-12-02 09:00, until: 2026-12-02T18:30, person: wangwu}
  - {rotation: lead, from: "2026-12-02T09:00+08:00", until: 2026-12-02 09:00:30Z, person: zhangsan}
rules:
  - {receiver: robot, at: on_call}
  - {receiver: robot, at: {on_call: [lead, primary, lead], mobiles: 13800000009}}
  - {receiver: robot, at: {on_call: lead}}
  - {receiver: app, to: on_call}
  - {receiver: app, to: {on_call: lead}}
"""


def read(text: str, language: str = "en") -> RuleSet:
    return read_rules(
        text,
        "rules.yaml",
        zone=SHANGHAI,
        read_file=lambda _: "holidays: [2026-10-01]\nworkdays: [2026-10-10]",
        group_labels=("dag_id",),
        is_secret=lambda each: "token-" in each,
    )


def problems_of(text: str, language: str = "en") -> tuple[str, ...]:
    with pytest.raises(RulesFileError) as caught:
        read(text)
    return caught.value.problems_in(language)


def test_a_whole_table_is_read() -> None:
    duty = read(WHOLE).duty
    zhangsan, lisi, wangwu = duty.people.persons
    assert zhangsan == Person("zhangsan", "manager7", "13800000001", "zhangsan@example.com")
    assert (lisi, wangwu) == (Person("李四", mobile="+852-51234567"), Person("wangwu", user_id="007"))

    def shanghai(day: int, hour: int, minute: int = 0) -> datetime:
        return datetime(2026, 12, day, hour, minute, tzinfo=SHANGHAI)

    primary, lead = duty.rotations
    assert primary == Rotation(
        "primary",
        (
            Layer((zhangsan, lisi), Turn.WEEK, start=date(2026, 11, 30), calendar=CALENDAR),
            Layer(
                (wangwu, lisi),
                Turn.HOLIDAY,
                2,
                date(2026, 12, 5),
                weekdays=(Span(5, 6),),
                times=(TimeRange(540, 1260),),
                calendar=CALENDAR,
            ),
        ),
        540,
        SHANGHAI,
        (
            Override(shanghai(1, 9), shanghai(4, 9), lisi),  # whole days of the rotation
            Override(shanghai(2, 9), shanghai(2, 18, 30), wangwu),
        ),
    )
    early = datetime(2026, 12, 2, 1, tzinfo=timezone.utc)
    assert lead == Rotation(
        "lead",
        (Layer((wangwu,), days=DayKind.WORKDAYS, calendar=CALENDAR),),
        0,
        LONDON,
        (Override(early, early.replace(hour=9, second=30), zhangsan),),
    )
    assert pickle.loads(pickle.dumps(duty)) == copy.deepcopy(duty) == duty  # noqa: S301 - our own


def test_a_rule_names_whoever_is_on_call() -> None:
    """Without a name that is the first rotation of the file."""
    rules = read(WHOLE).rules
    assert [(each.on_call, each.at, each.to) for each in rules] == [
        (("primary",), None, None),
        (("lead", "primary"), At(mobiles=["13800000009"]), None),
        (("lead",), None, None),
        ((), None, OnCall("primary")),
        ((), None, OnCall("lead")),
    ]


def test_the_only_rotation_needs_no_name_in_an_override() -> None:
    text = (
        "people: [{name: a, user_id: a}]\nrotations: [{name: r, people: a}]\noverrides: [{days: 2026-12-01, person: a}]"
    )
    (rotation,) = read(text).duty.rotations
    assert len(rotation.overrides) == 1


PEOPLE = "people: [{name: zhangsan, user_id: u1}, {name: lisi, user_id: u2}]\n"
ROTATION = PEOPLE + "rotations: [{name: primary, people: zhangsan}]\n"
TWO = PEOPLE + "rotations: [{name: primary, people: zhangsan}, {name: lead, people: lisi}]\n"


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        ("people: {name: a}", "1:9: people must be a list", "1:9: people 应为列表"),
        ("people: [a]", "1:10: A person must be a mapping of name, user_id, ", "1:10: 人员应为映射，可用的键：name, "),
        ("people: [{user_id: u}]", "1:10: A person needs a name", "1:10: 人员必须有 name"),
        (
            "people: [{name: a, user_id: u}, {name: a, user_id: v}]",
            "1:40: The name 'a' is used twice; each person needs their own.",
            "1:40: 名称 'a' 用了两次；每个人应有自己的名称。",
        ),
        (
            "people: [{name: on_call, user_id: u}]",
            "1:17: The name 'on_call' stands for whoever is on call; choose another one.",
            "1:17: 'on_call' 表示当前值班人，请换一个名称。",
        ),
        (
            "people: [{name: a, email: a@example.com}]",
            "1:10: 'a' needs a user_id or a mobile: DingTalk knows people by them.",
            "1:10: 'a' 必须有 user_id 或 mobile，钉钉据此找到人。",
        ),
        (
            "people: [{name: a, mobile: zhangsan}]",
            "1:28: mobile must be a mobile number such as 13800000000 or +852-51234567, not 'zhangsan'.",
            "1:28: mobile 应为手机号，例如 13800000000 或 +852-51234567，而不是 'zhangsan'。",
        ),
        (
            "people: [{name: a, user_id: 'u1, u2'}]",
            "1:29: user_id must be one DingTalk user id, not 'u1, u2'.",
            "1:29: user_id 应为一个钉钉 userId，而不是 'u1, u2'。",
        ),
        (
            "people: [{name: a, user_id: u, email: a at b}]",
            "1:39: email must be an e-mail address, not 'a at b'.",
            "1:39: email 应为邮箱地址，而不是 'a at b'。",
        ),
        (
            "people: [{name: a, user_id: u, email: a@b.cn}, {name: b, user_id: v, email: A@b.cn}]",
            "1:77: A@b.cn is also the e-mail address of 'a'; leave it out of one of them.",
            "1:77: A@b.cn 也是 'a' 的邮箱，请删去一处。",
        ),
        (
            "people: [{name: a, phone: 1, user_id: u}]",
            "1:20: 'phone' is unknown here. A person has name, user_id, mobile, email.",
            "1:20: 这里没有 'phone'。人员可用的键：name, user_id, mobile, email。",
        ),
        ("rotations: [{people: zhangsan}]\n" + PEOPLE, "1:13: A rotation needs a name", "1:13: 轮值必须有 name"),
        (
            PEOPLE + "rotations: [{name: r, people: lisi}, {name: r, people: lisi}]",
            "2:45: The name 'r' is used twice; each rotation needs its own.",
            "2:45: 名称 'r' 用了两次；每个轮值应有自己的名称。",
        ),
        (
            PEOPLE + "rotations: [{name: lisi, people: lisi}]",
            "2:20: 'lisi' is also a person; the rotation needs a name of its own.",
            "2:20: 'lisi' 与人员同名；轮值应有自己的名称。",
        ),
        (
            PEOPLE + "rotations: [{name: on_call, people: lisi}]",
            "2:20: The name 'on_call' stands for",
            "2:20: 'on_call' 表示当前值班人",
        ),
        (PEOPLE + "rotations: [{name: r}]", "2:13: A rotation needs people: a list of", "2:13: 轮值必须有 people"),
        (PEOPLE + "rotations: [{name: r, layers: []}]", "2:31: A rotation needs people", "2:31: 轮值必须有 people"),
        (
            PEOPLE + "rotations: [{name: r, layers: [{every: day}]}]",
            "2:32: A rotation needs people",
            "2:32: 轮值必须有 people",
        ),
        (
            PEOPLE + "rotations: [{name: r, every: day, layers: [{people: lisi}]}]",
            "2:43: A rotation with layers has every in its layers and not beside them.",
            "2:43: 使用 layers 时，every 应写在各层中，不能与 layers 并列。",
        ),
        (
            PEOPLE + "rotations: [{name: r, layers: [{people: lisi, handover: '09:00'}]}]",
            "2:47: 'handover' is unknown here. A layer has people, every, ",
            "2:47: 这里没有 'handover'。轮值的一层可用的键：people, ",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: [lisi, zhangsam], start: 2026-11-30}]",
            "2:38: There is no person 'zhangsam' in people; did you mean 'zhangsan'?",
            "2:38: people 中没有 'zhangsam'，是否应为 'zhangsan'？",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: [wu]}]",
            "2:32: There is no person 'wu' in people (there: zhangsan, lisi).",
            "2:32: people 中没有 'wu'（已有：zhangsan, lisi）。",
        ),
        (
            "rotations: [{name: r, people: [wu]}]",
            "1:32: There is no person 'wu' in people (there: none).",
            "1:32: people 中没有 'wu'（还没有任何人员）。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: [lisi, zhangsan]}]",
            "2:13: Several people need a start: the day on which the first one's turn begins.",
            "2:13: 多人轮值必须有 start：第一个人开始值班的日期。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, start: monday}]",
            "2:44: start must be a date such as 2026-11-30, not 'monday'.",
            "2:44: start 应为日期，例如 2026-11-30，而不是 'monday'。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, start: 0226-11-30}]",
            "2:44: start must be a date such as 2026-11-30, not '0226-11-30'.",
            "2:44: start 应为日期，例如 2026-11-30，而不是 '0226-11-30'。",
        ),
        (
            ROTATION + "overrides: [{person: lisi, days: 9999-12-31}]",
            "3:34: days must be a date such as",
            "3:34: days 应为日期，",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 0001-01-01 00:00, until: 2026-12-01 09:00}]",
            "3:34: from must be a time such as",
            "3:34: from 应为时间，",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, every: month, start: 2026-01-31}]",
            "2:58: start must be one of the first 28 days of a month if a turn lasts months.",
            "2:58: 按月轮换时，start 应为每月 1 至 28 日。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, every: weekly}]",
            "2:44: every must be day, week, month, workday or holiday, or several such as 2 weeks, not 'weekly'.",
            "2:44: every 应为 day、week、month、workday 或 holiday；或多个，例如 2 weeks，而不是 'weekly'。",
        ),
        (PEOPLE + "rotations: [{name: r, people: lisi, every: 0 days}]", "2:44: every must be day", "2:44: every 应为"),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, handover: 9am}]",
            "2:47: handover must be a time such as 08:00, up to 24:00, not '9am'.",
            "2:47: handover 应为时间，例如 08:00，最晚 24:00，而不是 '9am'。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, handover: '24:00'}]",
            "2:47: handover must be before 24:00.",
            "2:47: handover 应早于 24:00。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, time_zone: Asia/Peking}]",
            "2:48: time_zone must be a time zone such as Asia/Shanghai, not 'Asia/Peking'.",
            "2:48: time_zone 应为时区，例如 Asia/Shanghai，而不是 'Asia/Peking'。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, days: weekends}]",
            "2:43: days must be one of workdays, holidays, not 'weekends'.",
            "2:43: days 应为 workdays, holidays 之一，而不是 'weekends'。",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, weekdays: someday}]",
            "2:47: weekdays must be a name such as monday",
            "2:47: weekdays 应为名称，例如 monday",
        ),
        (
            PEOPLE + "rotations: [{name: r, people: lisi, times: [{start_time: '09:00'}]}]",
            "2:45: A time needs both start_time and end_time.",
            "2:45: 时间范围必须同时有 start_time 和 end_time。",
        ),
        (
            ROTATION + "overrides: [{days: 2026-12-01}]",
            "3:13: An override needs a person: who is on call instead.",
            "3:13: 替班必须有 person：由谁代替值班。",
        ),
        (
            ROTATION + "overrides: [{person: lisi}]",
            "3:13: An override needs either from and until, or days.",
            "3:13: 替班必须有 from 和 until，或者有 days。",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 2026-12-01 09:00}]",
            "3:13: An override needs either from and until, or days.",
            "3:13: 替班必须有 from 和 until，或者有 days。",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 2026-12-01 09:00, days: 2026-12-01}]",
            "3:13: An override needs either from and until, or days.",
            "3:13: 替班必须有 from 和 until，或者有 days。",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 2026-12-01, until: 2026-12-02 09:00}]",
            "3:34: from must be a time such as 2026-12-01 09:00; for whole days write days: 2026-12-01..2026-12-03, ",
            "3:34: from 应为时间，例如 2026-12-01 09:00；整天请写 days: 2026-12-01..2026-12-03，而不是 ",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 2026-12-01 09:00, until: 2026-12-01 25:00}]",
            "3:59: until must be a time such as ",
            "3:59: until 应为时间，",
        ),
        (
            ROTATION + "overrides: [{person: lisi, from: 2026-12-02 09:00, until: 2026-12-01 09:00}]",
            "3:59: until must be after from.",
            "3:59: until 应晚于 from。",
        ),
        (
            ROTATION + "overrides: [{person: lisi, days: 2026-12-03..2026-12-01}]",
            "3:34: days must end after it begins, and within a year",
            "3:34: days 的结束不能早于开始，且应在一年之内",
        ),
        (
            ROTATION + "overrides: [{person: lis, days: 2026-12-01}]",
            "3:22: There is no person 'lis' in people; did you mean 'lisi'?",
            "3:22: people 中没有 'lis'，是否应为 'lisi'？",
        ),
        (
            ROTATION + "overrides: [{rotation: primari, person: lisi, days: 2026-12-01}]",
            "3:24: There is no rotation 'primari' in rotations; did you mean 'primary'?",
            "3:24: rotations 中没有轮值 'primari'，是否应为 'primary'？",
        ),
        (
            TWO + "overrides: [{person: lisi, days: 2026-12-01}]",
            "3:13: An override needs the rotation that it is for: primary, lead.",
            "3:13: 替班必须指明 rotation：primary, lead。",
        ),
        (
            PEOPLE + "overrides: [{person: lisi, days: 2026-12-01}]",
            "2:13: Nobody is ever on call: the file has no rotations.",
            "2:13: 文件中没有 rotations，因此没有值班人。",
        ),
        (
            "rules: [{receiver: x, at: on_call}]",
            "1:27: Nobody is ever on call: the file has no rotations.",
            "1:27: 文件中没有 rotations，因此没有值班人。",
        ),
        (
            "rules: [{receiver: x, at: {on_call: primary}}]",
            "1:37: There is no rotation 'primary' in rotations (there: none).",
            "1:37: rotations 中没有轮值 'primary'（还没有任何轮值）。",
        ),
        (
            TWO + "rules: [{receiver: x, at: {on_call: [primary, night]}}]",
            "3:47: There is no rotation 'night' in rotations (there: primary, lead).",
            "3:47: rotations 中没有轮值 'night'（已有：primary, lead）。",
        ),
        (
            TWO + "rules: [{receiver: x, to: {on_call: [primary, lead]}}]",
            "3:37: on_call must be a text.",
            "3:37: on_call 应为文本。",
        ),
        (
            TWO + "rules: [{receiver: x, to: {on_call: primary, user_ids: [u1]}}]",
            "3:27: on_call stands alone in 'to'; write a second rule for other targets.",
            "3:27: to 中的 on_call 不能与其他目标并列，请另写一条规则。",
        ),
        (
            TWO + "rules: [{receiver: x, at: {on_call: primary, mobile: 1}}]",
            "3:27: at has unknown keys ['mobile']",
            "3:27: at has unknown keys ['mobile']",
        ),
    ],
)
def test_a_mistake_gets_its_place_and_what_would_be_right(text: str, english: str, chinese: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(f"rules.yaml:{english}")
    (found,) = problems_of(text, "zh")
    assert found.startswith(f"rules.yaml:{chinese}")


def test_a_wrong_person_doesnt_make_what_names_it_wrong() -> None:
    text = "people: [{name: a, mobile: x}]\nrotations: [{name: r, people: a}]\nrules: [{receiver: x, at: on_call}]"
    assert len(problems_of(text)) == 1


def test_a_token_is_refused_and_hidden() -> None:
    (found,) = problems_of("people: [{name: a, user_id: token-1}]")
    assert found.startswith("rules.yaml:1:29: A webhook URL, a token or a secret doesn't belong here")
    assert "token-" not in found


def as_editors_read(text: str) -> Any:
    """All values are texts, as dates are in YAML 1.2."""
    return yaml.load(text, yaml.BaseLoader)  # noqa: S506 - a safe one


def test_the_schema_has_the_same_keys() -> None:
    def keys(name: str) -> list[str]:
        return list(SCHEMA["definitions"][name]["properties"])

    assert keys("person") == list(PERSON_KEYS)
    assert keys("rotation") == [*ROTATION_KEYS]
    assert keys("layer") == list(LAYER_KEYS)
    assert keys("override") == list(OVERRIDE_KEYS)


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)
    assert list(validator.iter_errors(as_editors_read(WHOLE))) == []
    for text in (
        "people: [{name: a}]",
        "people: [{user_id: a}]",
        "rotations: [{name: r}]",
        "rotations: [{name: r, people: a, layers: [{people: a}]}]",
        "rotations: [{name: r, people: a, every: weekly}]",
        "rotations: [{name: r, people: a, handover: 9}]",
        "rotations: [{name: r, people: a, start: monday}]",
        "overrides: [{person: a}]",
        "overrides: [{person: a, from: 2026-12-01 09:00}]",
        "overrides: [{person: a, from: 2026-12-01, until: 2026-12-02}]",
        "rules: [{receiver: x, at: everybody}]",
    ):
        assert not validator.is_valid(as_editors_read(text)), text
