"""The code of the guides under ``moving``: what arrived before, and what arrives after, on the installed Airflow."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.sandbox import Robot, Sandbox
from tests.callback_contexts import task_context
from tests.integration.late_flush import flush_if_pending
from tests.integration.smtp_server import smtp_server

GUIDES = Path(__file__).parents[2] / "docs" / "en" / "moving"
SECRET = "SEC-of-a-team-that-moves-0123"
MOBILE = "13800000000"

DagTest = Callable[..., str]


def code_of(guide: str, mark: str) -> str:
    """The block right after a mark; for Airflow 2 as its comment says."""
    page = (GUIDES / guide).read_text("utf-8")
    found = re.search(rf"^<!-- {mark} -->\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found, f"{guide} has no block right after <!-- {mark} -->"
    if is_airflow_3():
        return found[1]
    return re.sub(r"^from airflow\.sdk import task  # Airflow 2: (.+)$", r"\1", found[1], flags=re.MULTILINE)


def needed(module: str, distribution: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs what people move from: pip install {distribution}")


def settings_of(sandbox: Sandbox) -> dict[str, str]:
    """Where each of these programs looks for the robot."""
    host, _, token = sandbox.webhook_url.partition("/robot/send?access_token=")
    extra = {"group_interval_seconds": 0, "language": "en"}
    if secret := sandbox.robot.secret:
        extra["secret"] = secret
    return {
        "AIRFLOW_CONN_DINGDING_DEFAULT": json.dumps(
            # The official provider puts path behind host as they are.
            {"conn_type": "dingding", "host": f"{host}/", "password": token, "extra": extra}
        ),
        "AIRFLOW_CONN_DINGTALK_DEFAULT": json.dumps(
            {"conn_type": "dingtalk_robot", "password": sandbox.webhook_url, "extra": extra}
        ),
        "AIRFLOW_VAR_DINGTALK_WEBHOOK": sandbox.webhook_url,
        "AIRFLOW_VAR_DINGTALK_SECRET": sandbox.robot.secret or "SEC",
    }


def payloads(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [dict(message.payload) for message in sandbox.messages]


@pytest.fixture
def run_of(dag_test: DagTest, tmp_path: Path) -> Callable[..., tuple[list[dict[str, Any]], str]]:
    """What arrives from the DAG of a block, and everything that Airflow wrote."""

    def run(guide: str, mark: str, robot: Robot, **more: str) -> tuple[list[dict[str, Any]], str]:
        folder = tmp_path / mark
        folder.mkdir()
        (folder / "dag.py").write_text(code_of(guide, mark), "utf-8")
        with Sandbox(robots=(robot,)) as sandbox:
            settings = {**settings_of(sandbox), "AIRFLOW__CORE__DAGS_FOLDER": str(folder), **more}
            home = tmp_path / f"home of {mark}"
            home.mkdir()
            written = dag_test(sandbox, "etl_daily", settings, home=home)
            flush_if_pending(written, home, settings)
            return payloads(sandbox), written

    return run


def alert_and_others(sent: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (alert,) = [each for each in sent if each["msgtype"] == "markdown"]
    return alert, [each for each in sent if each["msgtype"] != "markdown"]


def says_what_failed(alert: dict[str, Any]) -> None:
    """Whatever the words: which task, its log, and whom it concerns."""
    text = unquote(alert["markdown"]["text"]).replace("\\_", "_")
    assert "etl_daily" in text
    assert "load" in text
    assert "/etl_daily/" in text or "[Log](None)" in text  # in `dags test` Airflow 3.0 has no link for callbacks
    assert f"@{MOBILE}" in text
    assert alert["at"]["atMobiles"] == [MOBILE]


@pytest.mark.parametrize(
    ("guide", "module", "distribution", "robot"),
    [
        ("dingding.md", "airflow.providers.dingding", "apache-airflow-providers-dingding", Robot()),
        ("dingtalkchatbot.md", "dingtalkchatbot", "DingtalkChatbot", Robot(secret=SECRET)),
        ("home-made-callback.md", "requests", "requests", Robot(secret=SECRET)),
    ],
    ids=["dingding", "dingtalkchatbot", "home-made"],
)
def test_after_the_move_the_group_reads_no_less(
    run_of: Callable[..., tuple[list[dict[str, Any]], str]], guide: str, module: str, distribution: str, robot: Robot
) -> None:
    needed(module, distribution)
    before, written_before = run_of(guide, "before", robot)
    after, written_after = run_of(guide, "after", robot)
    assert len(before) == len(after), (written_before + written_after)[-9000:]
    (alert_before, others_before), (alert_after, others_after) = alert_and_others(before), alert_and_others(after)
    says_what_failed(alert_before)
    says_what_failed(alert_after)
    assert "None" not in alert_after["markdown"]["text"]
    # What only the alert after the move says: whose task it is.
    assert "zhangsan" in alert_after["markdown"]["text"]
    assert "zhangsan" not in alert_before["markdown"]["text"]
    assert [each["text"]["content"] for each in others_before] == [each["text"]["content"] for each in others_after]


def test_after_the_move_from_e_mail_the_group_reads_what_the_mail_says(
    run_of: Callable[..., tuple[list[dict[str, Any]], str]],
) -> None:
    needed("airflow.providers.smtp", "apache-airflow-providers-smtp")
    with smtp_server() as (port, mails):
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "airflow@example.com"},
        }
        mail = {
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection),
            # Where Airflow 2 looks.
            "AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1",
            "AIRFLOW__SMTP__SMTP_PORT": str(port),
            "AIRFLOW__SMTP__SMTP_STARTTLS": "False",
            "AIRFLOW__SMTP__SMTP_MAIL_FROM": "airflow@example.com",
        }
        before, written = run_of("email-on-failure.md", "before", Robot(), **mail)
        if "has no attribute 'mark_success_url'" in written:
            pytest.skip("this Airflow can't render its own mail: install apache-airflow>=3.1")
        assert len(mails) == 1, written[-9000:]
        after, _ = run_of("email-on-failure.md", "after", Robot(), **mail)
        assert len(mails) == 1
    assert before == []
    ((alert, others),) = [alert_and_others(after)]
    assert others == []
    assert mails[0]["To"] == "data-team@example.com"
    text = unquote(alert["markdown"]["text"]).replace("\\_", "_")
    body = mails[0].get_body(("html",))
    assert body is not None
    for says in (f"{mails[0]['Subject']} {body.get_content()}", text):
        assert "etl_daily" in says
        assert "load" in says
        assert "dag_run_id=" in says or "/tasks/load" in says  # Airflow 2, 3


@pytest.mark.parametrize(
    ("guide", "module", "distribution"),
    [
        ("dingding.md", "airflow.providers.dingding", "apache-airflow-providers-dingding"),
        ("dingtalkchatbot.md", "dingtalkchatbot", "DingtalkChatbot"),
    ],
    ids=["dingding", "dingtalkchatbot"],
)
def test_each_kind_of_message_looks_the_same(
    guide: str, module: str, distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(module, distribution)
    sent = {}
    for mark in ("before kinds", "after kinds"):
        with Sandbox() as sandbox:
            for name, value in settings_of(sandbox).items():
                monkeypatch.setenv(name, value)
            namespace: dict[str, Any] = {"__name__": "docs"}
            exec(compile(code_of(guide, mark), "<docs>", "exec"), namespace)  # noqa: S102 - our own docs
            namespace["send_each_kind"]()
            sent[mark] = [shown(each) for each in payloads(sandbox)]
    assert len(sent["before kinds"]) == 5
    for before, after in zip(sent["before kinds"], sent["after kinds"], strict=True):
        # Details that nobody sees, such as an orientation that is the default, may be written or not.
        assert after.items() >= before.items() or before.items() >= after.items()


def shown(payload: dict[str, Any]) -> dict[str, str]:
    """What the group sees of a message, flat, without what only DingTalk reads."""
    found: dict[str, str] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                walk(each, f"{path}.{name}")
        elif isinstance(value, list):
            for place, each in enumerate(value):
                walk(each, f"{path}.{place}")
        elif value not in {None, "", "0", 0}:
            found[path] = " ".join(str(value).split())

    walk({name: value for name, value in payload.items() if name != "msgUuid"}, "")
    return found


def test_a_home_made_text_can_be_kept(monkeypatch: pytest.MonkeyPatch, unhurried: None, outbox_home: Path) -> None:
    texts = []
    context = task_context()
    context["ti"].log_url = "https://airflow.example.com/dags/etl_daily/runs/1/tasks/load_orders"
    for mark, name in (("before", "dingtalk_alert"), ("own text", "alert")):
        with Sandbox(robots=(Robot(secret=SECRET),)) as sandbox:
            for option, value in settings_of(sandbox).items():
                monkeypatch.setenv(option, value)
            namespace: dict[str, Any] = {"__name__": "docs"}
            exec(compile(code_of("home-made-callback.md", mark), "<docs>", "exec"), namespace)  # noqa: S102 - our docs
            namespace[name](context)
            texts += [shown(each) for each in payloads(sandbox)]
    assert len(texts) == 2
    assert texts[0] == texts[1]


def test_a_refusal_that_a_home_made_callback_swallows_is_logged(
    run_of: Callable[..., tuple[list[dict[str, Any]], str]],
) -> None:
    """The robot requires a keyword, which neither message has."""
    robot = Robot(secret=SECRET, keywords=("billing",))
    sent, written = run_of("home-made-callback.md", "before", robot)
    assert (sent, "310000" in written) == ([], False)
    sent, written = run_of("home-made-callback.md", "after", robot)
    assert (sent, "310000" in written) == ([], True)
