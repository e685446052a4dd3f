"""``dingpush doctor``: a connection checked step by step."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.cli.all_dags_checks import ALL_DAGS_CHECKS
from airflow_provider_dingpush.cli.connection_checks import APP_CHECKS, ROBOT_CHECKS
from airflow_provider_dingpush.cli.doctor_words import CHECKS, PEOPLE, RESULTS
from airflow_provider_dingpush.cli.email_checks import EMAIL_CHECKS
from airflow_provider_dingpush.cli.escalation_checks import ESCALATION_CHECKS
from airflow_provider_dingpush.cli.main import main
from airflow_provider_dingpush.cli.option_checks import OPTION_CHECKS
from airflow_provider_dingpush.cli.outbox_checks import OUTBOX_CHECKS
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.sandbox import App, Sandbox
from tests.cli.conftest import is_chinese
from tests.outbox_in_use import NOBODY, put_alerts, use


@pytest.mark.parametrize(
    ("language", "fine"), [("en", "Everything that can be checked works."), ("zh", "能检查的都正常。")]
)
def test_an_app_without_problems(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str], language: str, fine: str
) -> None:
    """Step by step, without sending anything, and in one language."""
    assert main(["doctor", "dingtalk_app_default", "--language", language]) == 0
    printed = capsys.readouterr().out
    of_the_app = printed.partition("dingtalk_app_default\n")[2]
    assert [line[0] for line in of_the_app.splitlines() if line[:1] in ("✓", "!", "✗", "–")] == ["✓"] * 8
    assert fine in printed
    assert is_chinese(printed) is (language == "zh")
    assert app_connected.messages == ()
    assert app_connected.app.app_secret not in printed


@pytest.mark.parametrize(
    ("language", "works", "to_fix"),
    [
        ("en", "✓ access token", "2 problems to fix, see above: dingtalk_app_default · "),
        ("zh", "✓ 访问令牌", "有 2 项需要处理，见上文：dingtalk_app_default · "),
    ],
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
    assert printed.splitlines()[-1].startswith(to_fix)
    assert printed.splitlines()[-1].count("dingtalk_app_default · ") == 2


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


@pytest.mark.parametrize(("language", "name"), [("en", "! flush DAG or cron\n"), ("zh", "! 补发\n")])
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


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[tuple[str | None, str], dict[str, Any]]:
    """What the command finds, by connection and check; the last one of a check counts."""
    capsys.readouterr()
    code = main(["doctor", "--json", *arguments])
    document = json.loads(capsys.readouterr().out)
    assert code == (1 if document["errors"] else 0)
    assert document["errors"] == sum(each["severity"] == "error" for each in document["findings"])
    assert document["warnings"] == sum(each["severity"] == "warning" for each in document["findings"])
    return {(each["conn_id"], each["check"]): each for each in document["findings"]}


@pytest.mark.parametrize(
    ("option", "value", "severity", "code", "part"),
    [
        ("timezone", "Asia/Shanghai", "ok", "timezone_ok", "Asia/Shanghai"),
        ("timezone", "UTC", "ok", "timezone_ok", "UTC"),
        ("timezone", "Asia/Beijing", "error", "timezone_unknown", "'Asia/Shanghai'"),
        ("timezone", "asia/tokio", "error", "timezone_unknown", "'Asia/Tokyo'"),
        ("timezone", "北京时间", "error", "timezone_unknown", "'Asia/Shanghai'"),
        ("timezone", "Etc/GMT+8", "warning", "timezone_inverted", "8 hours behind UTC"),
        ("language", "ZH-cn", "ok", "language_zh", "Chinese"),
        ("language", "chinese", "error", "language_unknown", "zh or en"),
        ("links", "phone", "error", "links_unknown", "pc_browser"),
        ("links", "https://go.example.com/?to={url}", "ok", "links_ok", "{url}"),
        ("base_url", "https://airflow.example.com/prefix", "ok", "base_url_ok", "/prefix"),
        ("base_url", "airflow.example.com", "error", "base_url_without_scheme", "'https://airflow.example.com'"),
        ("base_url", "airflow.example.com:8080", "error", "base_url_without_scheme", "airflow.example.com:8080"),
        ("base_url", "http://localhost:8080", "warning", "base_url_local", "only on this machine"),
        ("base_url", "https://", "error", "base_url_unusable", "no URL"),
        ("base_url", "https://[::1", "error", "base_url_unusable", "no URL"),
        ("base_url", "https://me:pa55word@airflow.example.com", "error", "base_url_with_login", "password"),
        ("base_url", "https://airflow.example.com/home", "error", "base_url_of_a_page", "before '/home'"),
        ("base_url", "https://airflow.example.com/?a=b", "error", "base_url_of_a_page", "before '?'"),
        ("outbox_url", "redis//:pa55word@host", "error", "outbox_unusable", "no Redis URL"),
        ("outbox_url", NOBODY, "error", "outbox_unusable", "redis://127.0.0.1:1/0"),
    ],
)
def test_what_is_wrong_with_an_option(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    value: str,
    severity: str,
    code: str,
    part: str,
) -> None:
    """And where it is set."""
    variable = f"AIRFLOW__DINGPUSH__{option.upper()}"
    monkeypatch.setenv(variable, value)
    finding = findings(capsys)[None, option]
    assert (finding["severity"], finding["code"], finding["set_in"]) == (severity, code, variable)
    assert part in finding["message"]
    assert "pa55word" not in str(finding)


def test_an_option_is_named_with_the_file_that_sets_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment goes before the file, and a name that is none is compared with those that are."""
    file = tmp_path / "airflow.cfg"
    file.write_text("[dingpush]\ntimzone = Asia/Tokyo\nlanguage = en\n[ding_push]\nhome = /tmp\n", "utf-8")
    monkeypatch.setenv("AIRFLOW_CONFIG", str(file))
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "cat /dev/null")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__QQQ", "1")
    assert main(["doctor", "--language", "en"]) == 1
    printed = capsys.readouterr().out
    assert f"'timzone', so it has no effect. Did you mean 'timezone'?\n    Set in {file} [dingpush] timzone." in printed
    assert "no section 'ding_push'" in printed
    assert "There is no option 'qqq'" in printed
    assert "Set in AIRFLOW__DINGPUSH__QQQ." in printed
    assert "no option 'outbox_url_cmd'" not in printed


def test_an_option_whose_command_fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow raises an error of its own for it."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL_CMD", "false")
    finding = findings(capsys)[None, "outbox_url"]
    assert (finding["severity"], finding["set_in"]) == ("error", "AIRFLOW__DINGPUSH__OUTBOX_URL_CMD")


def test_a_configuration_file_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Airflow itself may have read it before it was damaged."""
    file = tmp_path / "airflow.cfg"
    file.write_bytes(b"\xff no section\n")
    monkeypatch.setenv("AIRFLOW_CONFIG", str(file))
    assert findings(capsys)[None, "options"]["code"] == "config_unreadable"


def test_a_home_that_others_can_open(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outbox_home: Path
) -> None:
    """A new one is made for its owner alone."""
    assert findings(capsys)[None, "home"]["code"] == "home_new"
    assert not outbox_home.exists()
    put_alerts("dingtalk_default")
    assert findings(capsys)[None, "home"]["code"] == "home_ok"
    outbox_home.chmod(0o755)
    finding = findings(capsys)[None, "home"]
    assert (finding["severity"], finding["code"]) == ("warning", "home_open")
    assert f"chmod 700 {outbox_home}" in finding["message"]
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", str(tmp_path / "file" / "home"))
    finding = findings(capsys)[None, "home"]
    assert (finding["severity"], finding["code"]) == ("error", "home_unusable")
    assert str(tmp_path / "file") in finding["message"]


def test_a_home_where_not_even_root_creates_anything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The permissions of its parent say otherwise."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__HOME", "/proc/dingpush")
    finding = findings(capsys)[None, "home"]
    assert (finding["severity"], finding["code"]) == ("error", "home_unusable")
    assert "/proc" in finding["message"]


def test_the_home_of_another_user(capsys: pytest.CaptureFixture[str], outbox_home: Path) -> None:
    """Nothing is written into it, and the finding names the owner."""
    if os.getuid() != 0:
        pytest.skip("needs root, who may give a folder to another user")
    put_alerts("dingtalk_default")
    os.chown(outbox_home, 65534, 65534)
    finding = findings(capsys)[None, "home"]
    assert finding["severity"] == "error"
    assert "belongs to uid 65534" in finding["message"]


def test_a_redis_that_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, start_redis: Callable[..., str]
) -> None:
    """Its password isn't shown; what may lose alerts is; and its clock is compared with ours."""
    url = start_redis("--requirepass", "pa55word", "--appendonly", "yes").replace("://", "://:pa55word@")
    use(url, monkeypatch)
    found = findings(capsys)
    assert found[None, "outbox_url"]["code"] == "outbox_redis"
    assert found[None, "clock"]["code"] == "clock_ok"
    assert "pa55word" not in str(found)
    use(start_redis("--appendonly", "no"), monkeypatch)
    finding = findings(capsys)[None, "outbox_url"]
    assert (finding["severity"], finding["code"]) == ("warning", "outbox_may_lose_alerts")
    assert "append" in finding["message"]


def test_alerts_wait_for_a_flush(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the last one ran, if any did."""
    assert findings(capsys)[None, "flush"]["code"] == "flush_unused"
    main(["flush"])
    assert findings(capsys)[None, "flush"]["code"] == "flush_ok"
    put_alerts("dingtalk_default")
    monkeypatch.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    outbox().note_flush(at.timestamp())
    finding = findings(capsys)[None, "flush"]
    assert (finding["severity"], finding["code"]) == ("warning", "flush_late")
    assert "2026-01-02 11:04:05 +08:00" in finding["message"]
    assert "pending alerts: 1" in finding["message"]


def test_alerts_for_all_dags_are_off_by_default(connected: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Then nothing else about them is checked."""
    found = findings(capsys)
    assert found[None, "all_dags"]["code"] == "all_dags_off"
    assert not {(None, each.name) for each in ALL_DAGS_CHECKS[1:]} & found.keys()


def test_alerts_for_all_dags_need_a_flush(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the connection; what the database would tell is skipped where there is none."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_default")
    found = findings(capsys)
    assert found[None, "all_dags"]["code"] == "all_dags_on"
    assert found[None, "all_dags"]["set_in"] == "AIRFLOW__DINGPUSH__ALERT_CONN_ID"
    assert found[None, "receivers"]["code"] == "receivers_ok"
    assert found[None, "end_from_trigger"]["code"] == "dags_unknown"
    assert (found[None, "flush"]["severity"], found[None, "flush"]["code"]) == ("error", "flush_needed")
    main(["flush"])
    assert findings(capsys)[None, "flush"]["code"] == "flush_ok"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "dingtalk_gone")
    finding = findings(capsys)[None, "receivers"]
    assert (finding["severity"], finding["code"]) == ("error", "receiver_missing")


def test_the_rules_file_is_checked(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the first mistake, or the receiver that doesn't exist."""
    file = tmp_path / "rules.yaml"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__RULES_FILE", str(file))
    assert "can't be read" in findings(capsys)[None, "rules_file"]["message"]
    file.write_text("rules:\n  - receiver: dingtalk_default\n  - receiver: dingtalk_gone\n")
    found = findings(capsys)
    assert found[None, "rules_file"]["code"] == "rules_file_ok"
    assert found[None, "receivers"]["set_in"] == f"{file}:3"
    assert ("dingtalk_gone", "connection") not in found  # once is enough
    monkeypatch.setenv("AIRFLOW_CONN_OF_THE_TEAM", connected.webhook_url)
    file.write_text("rules: [{receiver: of_the_team}]")
    assert findings(capsys)["of_the_team", "connection"]["code"] == "is_robot"
    file.write_text("rules:\n  - reciever: dingtalk_default\n")
    finding = findings(capsys)[None, "rules_file"]
    assert (finding["severity"], finding["code"]) == ("error", "rules_file_invalid")
    assert "rules.yaml:2:5: 'reciever' is unknown here" in finding["message"]


def test_every_connection_that_can_be_found(
    connected: Sandbox, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In variables and of pending alerts; what isn't DingTalk's is left alone."""
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_A", json.dumps({"conn_type": "dingtalk_robot", "password": ""}))
    monkeypatch.setenv("AIRFLOW_CONN_TEAM_B", "{'conn_type': 'dingtalk_robot', 'password': 'pa55word'}")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DATA", "postgres://me:pa55word@db/dingtalk_data")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_APP_DEFAULT", "postgres://me:pa55word@db/data")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_STORE", "mysql://me:pa55word@db/data")
    put_alerts("of_a_backend")
    found = findings(capsys)
    connections = {conn_id: each for (conn_id, check), each in found.items() if check == "connection" and conn_id}
    assert connections.keys() >= {"dingtalk_default", "team_a", "team_b", "dingtalk_app_default", "of_a_backend"}
    assert "dingtalk_store" not in connections
    assert connections["dingtalk_default"]["severity"] == "ok"
    assert connections["team_a"]["set_in"] == "AIRFLOW_CONN_TEAM_A"
    assert "has no access token" in connections["team_a"]["message"]
    assert connections["team_b"]["code"] == "variable_no_json"
    assert "double quotes" in connections["team_b"]["message"]
    assert "of type 'postgres'" in connections["dingtalk_app_default"]["message"]
    assert "There is no Airflow connection" in connections["of_a_backend"]["message"]
    assert "pa55word" not in str(found)
    assert connected.messages == ()


def test_no_connection_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """One is needed."""
    finding = findings(capsys)[None, "connection"]
    assert (finding["severity"], finding["code"]) == ("error", "no_connection")
    assert "AIRFLOW_CONN_DINGTALK_DEFAULT" in finding["message"]


def test_extra_fields_and_fallbacks(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A field that is none, and a robot that isn't there."""
    extra = {"secret": sandbox.robot.secret, "time_out_seconds": 3, "fallback_conn_ids": "nowhere"}
    connection = {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps(connection))
    found = findings(capsys, "dingtalk_default")
    assert found["dingtalk_default", "extra"]["severity"] == "warning"
    assert "Did you mean 'timeout_seconds'?" in found["dingtalk_default", "extra"]["message"]
    assert found["dingtalk_default", "fallbacks"]["severity"] == "error"
    assert "'nowhere'" in found["dingtalk_default", "fallbacks"]["message"]


def test_each_check_of_an_app_has_a_name_for_programs(
    app_connected: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same in each language."""
    names = [check for conn_id, check in findings(capsys, "dingtalk_app_default", "--language", "zh") if conn_id]
    assert names == ["connection", "access_token", "robot", "default_group", "agentid", "contacts", "ding", "to_dos"]


def test_every_check_has_its_words() -> None:
    """In two languages, with the same placeholders."""
    names = [each.name for each in (*OPTION_CHECKS, *ALL_DAGS_CHECKS, *EMAIL_CHECKS, *OUTBOX_CHECKS)]
    names += [each.name for each in ESCALATION_CHECKS]
    names += [each.name for each in ROBOT_CHECKS] + [each.name for each in APP_CHECKS]
    assert set(names) <= CHECKS.keys()
    for english, chinese in (*CHECKS.values(), *RESULTS.values(), *PEOPLE.values()):
        assert set(re.findall(r"\{\w+", english)) >= set(re.findall(r"\{\w+", chinese))
    assert not [name for name, (english, _) in RESULTS.items() if is_chinese(english)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_problems_are_in_one_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, outbox_home: Path, language: str
) -> None:
    """Of a connection that is missing, of the outbox and of a robot that doesn't answer."""
    monkeypatch.setenv("AIRFLOW__DINGPUSH__OUTBOX_URL", "localhost:6379")
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_GONE", "http://127.0.0.1:1/robot/send?access_token=unknown")
    for conn_id, texts in {
        "nowhere": ("There is no Airflow connection", "Airflow 中没有连接 'nowhere'"),
        "dingtalk_gone": ("No answer from DingTalk", "钉钉没有应答：无法建立连接"),
    }.items():
        assert main(["doctor", conn_id, "--language", language]) == 1
        printed = capsys.readouterr().out
        english, chinese = ("is no Redis URL", texts[0]), ("不是有效的 Redis 地址", texts[1])
        assert all(each in printed for each in (chinese if language == "zh" else english))
        assert not any(each in printed for each in (english if language == "zh" else chinese))
        assert is_chinese(printed) is (language == "zh")
