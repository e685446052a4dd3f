"""``dingpush oncall``: who is on call, until when, and who is next, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import Sandbox
from tests.cli.conftest import is_chinese
from tests.rules_file_in_use import use_rules_file

RULES = """\
people:
  - {name: zhangsan, user_id: u1, mobile: 13800000001, email: z@example.com}
  - {name: 李四, mobile: 13800000002}
  - {name: wangwu, user_id: u3}
rotations:
  - {name: primary, handover: "09:00", people: [zhangsan, 李四], start: 2026-11-30}
  - {name: office, people: wangwu, handover: "09:00", weekdays: monday:friday,
     times: [{start_time: "09:00", end_time: "18:00"}]}
  - {name: lead, people: wangwu}
overrides:
  - {rotation: primary, days: 2026-12-02, person: wangwu}
rules:
  - {receiver: dingtalk_default, at: {on_call: [primary, office]}, continue: true}
  - {receiver: dingtalk_app_default, to: on_call}
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules file of this Airflow."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, "utf-8")
    use_rules_file(path, monkeypatch)
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    """The lines that the command prints, and its complaint."""
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    return (out or err).splitlines()


def oncall(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[str]:
    return printed(capsys, "oncall", *arguments, code=code)


def test_who_is_on_call_until_when_and_who_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert oncall(capsys, "--at", "2026-12-01T20:00") == [
        "On call at 2026-12-01 20:00 (Asia/Shanghai):",
        "",
        "Rotation  On call                        Until             Next",
        "primary   zhangsan (mobile 138****0001)  2026-12-02 09:00  wangwu (user id u3)",
        "office    nobody                         2026-12-02 09:00  wangwu (user id u3)",
        "lead      wangwu (user id u3)            –                 –",
    ]
    chinese = oncall(capsys, "--at", "2026-12-01T20:00", "--rotation", "office", "--language", "zh")
    assert chinese == [
        "2026-12-01 20:00（Asia/Shanghai）值班：",
        "",
        "轮值    值班人    至                下一位",
        "office  无人值班  2026-12-02 09:00  wangwu（员工 userId u3）",
    ]


@pytest.mark.parametrize("limit", [("--days", "3"), ("--until", "2026-12-04T20:00"), ("--until", "2026-12-04T12:00Z")])
def test_all_shifts_of_a_time(capsys: pytest.CaptureFixture[str], limit: tuple[str, str]) -> None:
    assert oncall(capsys, "--at", "2026-12-01T12:00Z", *limit, "--rotation", "primary") == [
        "On call from 2026-12-01 20:00 to 2026-12-04 20:00 (Asia/Shanghai):",
        "",
        "Rotation  From              To                On call                        Note",
        "primary   2026-12-01 20:00  2026-12-02 09:00  zhangsan (mobile 138****0001)",
        "primary   2026-12-02 09:00  2026-12-03 09:00  wangwu (user id u3)            override",
        "primary   2026-12-03 09:00  2026-12-04 20:00  zhangsan (mobile 138****0001)",
    ]
    assert all(is_chinese(each) for each in oncall(capsys, *limit, "--at", "2026-12-01", "--language", "zh")[::2][:1])


def test_now_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads("\n".join(oncall(capsys, "--json")))
    assert [each["name"] for each in document["rotations"]] == ["primary", "office", "lead"]
    assert document["at"].endswith("+08:00")


def test_as_json(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """With numbers partly masked."""
    arguments = ("--at", "2026-12-01T20:00", "--days", "1", "--rotation", "primary", "--json")
    text = "\n".join(oncall(capsys, *arguments))
    zhangsan = {"name": "zhangsan", "user_id": "u1", "mobile": "138****0001", "email": "z@example.com"}
    wangwu = {"name": "wangwu", "user_id": "u3", "mobile": None, "email": None}
    assert json.loads(text) == {
        "schema_version": 1,
        "file": str(file),
        "at": "2026-12-01T20:00:00+08:00",
        "until": "2026-12-02T20:00:00+08:00",
        "rotations": [
            {
                "name": "primary",
                "time_zone": "Asia/Shanghai",
                "on_call": zhangsan,
                "override": False,
                "next_at": "2026-12-02T09:00:00+08:00",
                "next": wangwu,
                "shifts": [
                    {
                        "start": "2026-12-01T20:00:00+08:00",
                        "end": "2026-12-02T09:00:00+08:00",
                        "person": zhangsan,
                        "override": False,
                    },
                    {
                        "start": "2026-12-02T09:00:00+08:00",
                        "end": "2026-12-02T20:00:00+08:00",
                        "person": wangwu,
                        "override": True,
                    },
                ],
            }
        ],
    }
    assert "13800000001" not in text


@pytest.mark.parametrize(
    ("language", "part"), [("en", "has no rotations, so nobody is"), ("zh", "中没有 rotations，因此")]
)
def test_a_file_without_rotations_says_so(
    capsys: pytest.CaptureFixture[str], file: Path, language: str, part: str
) -> None:
    file.write_text("rules: []\n")
    (line,) = oncall(capsys, "--language", language, "--rotation", "primary", code=1)
    assert part in line
    document = json.loads("\n".join(oncall(capsys, "--json", code=1)))
    assert document["rotations"] == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--rotation", "primry"], "dingpush oncall: there is no rotation 'primry' (there: primary, office, lead)"),
        (["--days", "1", "--until", "2099-01-01"], "dingpush oncall: pass either --until or --days"),
        (["--until", "2020-01-01"], "dingpush oncall: --until must be after --at"),
        (["--until", "2099-01-01"], "dingpush oncall: --until: at most 366 days ahead"),
        (["--at", "9999-12-31"], "dingpush oncall: --at: a year from 2000 to 2200"),
        (["--until", "0001-01-01T00:00+08:00"], "dingpush oncall: --until: a year from 2000 to 2200"),
        (["--days", "0"], "dingpush oncall: --days must be a whole number from 1 to 366"),
    ],
)
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str) -> None:
    first, *_ = oncall(capsys, *arguments, code=2)
    assert first.startswith(problem)
    assert is_chinese(oncall(capsys, *arguments, "--language", "zh", code=2)[0])


def test_a_mistake_is_named(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    file.write_text("people: [{name: a}]\n")
    (line,) = oncall(capsys, "--language", "zh", code=1)
    assert "rules.yaml:1:10: 'a' 必须有 user_id 或 mobile" in line


def test_check_warns_of_gaps(capsys: pytest.CaptureFixture[str], file: Path, connected: Sandbox) -> None:
    """Of each rotation once, with the first of them; and of a calendar that ends."""
    file.with_name("days.yaml").write_text("holidays: [2020-10-01]\n")
    rules = RULES.replace("weekdays: monday:friday", "days: workdays").replace("start: 2026-11-30", "start: 2020-01-06")
    file.write_text("calendar: days.yaml\n" + rules, "utf-8")
    lines = printed(capsys, "rules", "check")
    (gaps,) = (each for each in lines if "nobody is on call" in each)
    assert gaps.startswith(f"! {file}:8: rotation 'office': nobody is on call from 20")
    assert gaps.endswith(" more gaps within 60 days.")
    assert "yet, which rotations need: office. Add holidays and make-up workdays." in "".join(lines)
    assert "✓ Duty table: 3 people, 3 rotations." in lines
    chinese = printed(capsys, "rules", "check", "--language", "zh")
    assert all(map(is_chinese, chinese))
    document = json.loads("".join(printed(capsys, "rules", "check", "--json")))
    assert (document["people"], document["rotations"]) == (3, 3)
    codes = {(each["code"], each["name"], each["line"]) for each in document["warnings"]}
    assert {("nobody_on_call", "office", 8), ("calendar_ends", "office", None)} <= codes


def test_a_table_without_gaps_has_no_warning(
    capsys: pytest.CaptureFixture[str], file: Path, connected: Sandbox
) -> None:
    file.write_text("people: [{name: a, user_id: a}]\nrotations: [{name: r, people: a}]\n")
    assert not any(each.startswith("!") for each in printed(capsys, "rules", "check"))


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    event = ("rules", "explain", "a.b", "--tag", "t", "--owner", "x", "--at", "2026-12-01T20:00")
    return printed(capsys, *event, *arguments)


def test_explain_of_the_last_day_there_is(capsys: pytest.CaptureFixture[str], connected: Sandbox) -> None:
    text = "\n".join(
        printed(capsys, "rules", "explain", "a.b", "--owner", "x", "--tag", "t", "--at", "9999-12-31T20:00")
    )
    assert "mentions on call office: nobody" in text


def test_explain_names_whoever_is_on_call(
    capsys: pytest.CaptureFixture[str], connected: Sandbox, app_connected: Sandbox
) -> None:
    text = "\n".join(explained(capsys))
    assert "mentions on call primary: zhangsan (mobile 138****0001); mentions on call office: nobody" in text
    assert "to on call primary: zhangsan (mobile 138****0001)" in text
    chinese = "\n".join(explained(capsys, "--language", "zh"))
    assert "提醒 primary 值班人：zhangsan（手机号 138****0001）；提醒 office 值班人：无人值班" in chinese
    robot, app = json.loads("".join(explained(capsys, "--json")))["receivers"]
    assert robot["on_call"] == [{"rotation": "primary", "person": "zhangsan"}, {"rotation": "office", "person": None}]
    assert (robot["mentions"], robot["to"]) == (True, None)
    assert app["on_call"] == [{"rotation": "primary", "person": "zhangsan"}]
    assert (app["mentions"], app["to"]) == (False, {"on_call": "primary"})
