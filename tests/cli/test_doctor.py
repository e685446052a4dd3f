"""``dingpush doctor``: a connection checked step by step."""

from __future__ import annotations

import json

import pytest

from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.sandbox import App, Sandbox
from tests.cli.conftest import is_chinese
from tests.outbox_in_use import put_alerts


@pytest.mark.parametrize(
    ("language", "fine"), [("en", "Everything that can be checked works."), ("zh", "能检查的都正常。")]
)
def test_an_app_without_problems(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, fine: str
) -> None:
    """Step by step, without sending anything, and in one language."""
    assert main(["doctor", "dingtalk_app_default", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert [line[0] for line in printed.splitlines() if line[:1] in ("✓", "✗", "–")] == ["✓"] * 6
    assert fine in printed
    assert is_chinese(printed) is (language == "zh")
    assert app_connected.messages == ()
    assert app_connected.app.app_secret not in printed


@pytest.mark.parametrize(
    ("language", "works", "to_fix"),
    [("en", "✓ access token", "2 problems to fix, see above."), ("zh", "✓ 访问令牌", "有 2 项需要处理，见上文。")],
)
def test_what_to_fix_of_an_app(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str, works: str, to_fix: str
) -> None:
    """A robot that was never published, and a permission that was not granted."""
    app = App(permissions=("qyapi_base", "qyapi_robot_sendmsg"), published=False)
    with Sandbox(apps=(app,)) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", sandbox.connection_of(app))
        assert main(["doctor", "dingtalk_app_default", "--language", language]) == 1
    printed = capsys.readouterr().out
    assert works in printed
    assert "qyapi_get_member_by_mobile" in printed
    assert printed.endswith(f"\n{to_fix}\n")


@pytest.mark.parametrize(
    ("language", "webhook", "accepted"),
    [
        ("en", "✓ webhook: token, signature, IP address\n", "accepts the token, the signature and this machine's IP"),
        ("zh", "✓ Webhook：token、加签、出口 IP\n", "钉钉认可 token、加签和本机 IP，没有发送消息。"),
    ],
)
def test_a_robot_without_problems(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, webhook: str, accepted: str
) -> None:
    """Nothing is posted, and all is in one language."""
    assert main(["doctor", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert webhook in printed
    assert accepted in printed
    assert is_chinese(printed) is (language == "zh")
    assert connected.messages == ()


def test_how_mentions_are_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whom each value means, numbers partly masked; and which value can't be read, and whose it is."""
    mentions = {"zhangsan": ["86-13800000001", "lisi"], "wangwu": "138-0000", "zhaoliu": "+852-51234567"}
    fields = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url}
    extra = {"secret": sandbox.robot.secret, "keyword": "告\u200b警", "mentions": mentions}
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps({**fields, "extra": extra}))
    assert main(["doctor", "--language", "en"]) == 1
    printed = capsys.readouterr().out
    assert "zhangsan: mobile 138****0001, user id lisi" in printed
    assert "zhaoliu: mobile +852-****4567" in printed
    assert "✗ mentions" in printed
    assert "'138-0000' of 'wangwu' is not a valid" in printed
    assert "U+200B ZERO WIDTH SPACE" in printed
    assert sandbox.messages == ()
    assert main(["doctor", "--language", "zh"]) == 1
    assert "zhangsan: 手机号 138****0001, 员工 userId lisi" in capsys.readouterr().out


@pytest.mark.parametrize(("language", "name"), [("en", "– flush DAG or cron\n"), ("zh", "– 补发\n")])
def test_a_flush_is_asked_for_where_alerts_were_written(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, name: str
) -> None:
    """Until one ran."""
    put_alerts("dingtalk_default")
    assert main(["doctor", "--language", language]) == 0
    printed = capsys.readouterr().out
    assert name in printed
    assert "create_flush_dag()" in printed
    main(["flush"])
    capsys.readouterr()
    main(["doctor", "--language", language])
    assert "create_flush_dag()" not in capsys.readouterr().out


def test_a_missing_connection(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that can be wrong."""
    assert main(["doctor", "nowhere", "--language", "en"]) == 1
    assert "no Airflow connection 'nowhere'" in capsys.readouterr().out
