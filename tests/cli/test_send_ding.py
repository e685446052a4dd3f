"""``dingpush send --ding``: nothing that costs money without a yes, and the result in one language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.cli import send_ding
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import App, DingPlan, Fault, Sandbox
from tests.cli.conftest import is_chinese

SEND = ["send", "DAG etl failed", "--conn-id", "dingtalk_app_default"]
PATH = "/v1.0/robot/ding/send"


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is for people."""
    monkeypatch.setattr(send_ding, "is_terminal", lambda _: True)


def language_of(language: str) -> list[str]:
    return ["--language", language]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["sms", "phone"])
def test_what_costs_money_needs_a_yes(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], kind: str, language: str
) -> None:
    """Nothing is asked before."""
    arguments = [*SEND, "--user", "zhangsan", "--ding", kind, *language_of(language)]
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert ("costs money" if language == "en" else "会产生费用") in printed
    assert "--yes" in printed
    assert app_connected.requests == ()
    assert main([*arguments, "--yes"]) == 0
    assert [each.kind for each in app_connected.dings] == [kind]


@pytest.mark.usefixtures("on_a_terminal")
@pytest.mark.parametrize(
    ("language", "sent", "failed"),
    [
        ("en", "✓ DING in the app sent to zhangsan (connection dingtalk_app_default)", "✗ not sent to nobody: "),
        ("zh", "✓ 已发送应用内 DING：zhangsan（连接 dingtalk_app_default）", "✗ 未发送给 nobody："),
    ],
)
def test_some_are_reached(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, sent: str, failed: str
) -> None:
    """Both lines, in one language, and an exit code."""
    people = ["--mobile", "13800000001", "--user", "nobody"]
    assert main([*SEND, *people, "--ding", "app", *language_of(language)]) == 1
    printed = capsys.readouterr()
    assert printed.out.strip() == sent
    assert failed in printed.err
    assert is_chinese(printed.out + printed.err) is (language == "zh")
    assert app_connected.dings[0].content == "DAG etl failed"


@pytest.mark.usefixtures("on_a_terminal")
@pytest.mark.parametrize(
    ("language", "failed"),
    [
        ("en", "✗ not sent to 139****0000: DingTalk doesn't know the mobile number\n"),
        ("zh", "✗ 未发送给 139****0000：钉钉找不到该手机号\n"),
    ],
)
def test_an_unknown_number_is_printed_in_one_language(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, failed: str
) -> None:
    """Partly masked."""
    people = ["--mobile", "13999990000", "--user", "lisi"]
    assert main([*SEND, *people, "--ding", "app", *language_of(language)]) == 1
    assert failed in capsys.readouterr().err
    assert app_connected.dings[0].person.user_id == "lisi"


@pytest.mark.usefixtures("on_a_terminal")
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("options", "fault", "en", "zh"),
    [
        ({"ding": DingPlan(phone=0)}, None, "no credit left", "权益不足"),
        ({"ding": DingPlan(in_edition=False)}, None, "doesn't include this API", "版本不支持"),
        ({"apps": (App(permissions=("qyapi_base",)),)}, None, "lacks Premium.Ding.Write", "Premium.Ding.Write"),
        ({}, Fault.HTTP_504, "it is unknown whether it reached zhangsan", "不清楚是否已发给 zhangsan"),
    ],
    ids=["credit", "edition", "permission", "unknown"],
)
def test_why_nobody_is_reached(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
    options: dict[str, Any],
    fault: Fault | None,
    en: str,
    zh: str,
) -> None:
    """With what to do about it; a call is made once."""
    with Sandbox(**options) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(sandbox.app))
        if fault:
            sandbox.fail_next(fault, path=PATH)
        arguments = [*SEND, "--user", "zhangsan", "--ding", "phone", "--yes", *language_of(language)]
        assert main(arguments) == 1
        assert [each.path for each in sandbox.requests].count(PATH) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert (en if language == "en" else zh) in printed.err
    assert sandbox.app.app_secret not in printed.err


def test_json_has_the_error_of_one_that_reached_nobody(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """And none where somebody was reached."""
    app_connected.fail_next(Fault.HTTP_504, path=PATH)
    assert main([*SEND, "--user", "zhangsan", "--ding", "app", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ding"]["outcome"], document["ding"]["uncertain"]) == ("unknown_outcome", ["zhangsan"])
    assert document["error"]["code"] == "unknown_outcome_error"
    assert main([*SEND, "--user", "zhangsan", "--user", "nobody", "--ding", "app", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ding"]["outcome"], "error" in document) == ("partly", False)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--ding", "app"], "--ding needs --user or --mobile"),
        (["--ding", "app", "--group", "cid1=="], "--ding and --group can't be combined"),
        (["--ding", "app", "--user", "u", "--markdown"], "--ding and --markdown can't be combined"),
        (["--ding", "app", "--user", "u", "--title", "t"], "--ding and --title can't be combined"),
        (["--ding", "app", "--notify-user", "u"], "--ding and --notify-user can't be combined"),
        (["--yes", "--user", "u"], "--yes needs --ding"),
        (["--ding", "fax", "--user", "u"], "fax"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_do_not_go_together(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], more: list[str], problem: str
) -> None:
    """Refused before anything is sent."""
    assert main([*SEND, *more, *language_of("en")]) == 2
    assert problem in capsys.readouterr().err
    assert app_connected.requests == ()


def test_a_robot_has_no_ding(connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """The connection of an app has."""
    arguments = ["send", "x", "--conn-id", "dingtalk_default", "--user", "zhangsan", "--ding", "app"]
    assert main([*arguments, *language_of("en")]) == 2
    assert "needs the connection of an app" in capsys.readouterr().err
    assert connected.requests == ()
