"""Whom an e-mail goes to: which connection is ours, and who is behind an address."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dingpush.connections import look_up, settings_of
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.pipeline.email_receivers import (
    addressed,
    default_connection,
    own_connection,
    people_behind,
    unknown_among,
    users_of,
)
from airflow_provider_dingpush.pipeline.routes import Route
from airflow_provider_dingpush.targets import Group, Users

WEBHOOK = f"https://oapi.dingtalk.com/robot/send?access_token={'0a' * 32}"
PEOPLE = {"Zhang@Example.com": "13800000000", "li@example.com": "user:0123", "zhangsan": "13900000000"}
APP = {"conn_type": "dingtalk_app", "login": "dingabcdefghijklmnop", "password": "s" * 64}


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "robot": {"conn_type": "dingtalk_robot", "password": WEBHOOK, "extra": {"mentions": PEOPLE}},
        "app": {**APP, "extra": {"mentions": PEOPLE}},
        "app_with_group": {**APP, "extra": {"mentions": PEOPLE, "open_conversation_id": "cid1"}},
        "mail": {"conn_type": "smtp", "host": "smtp.example.com", "login": "a", "password": "b"},
        "untyped_mail": {"conn_type": "generic", "host": "smtp.example.com", "login": "a", "password": "b"},
        "smtp_default": {"conn_type": "dingtalk_robot", "password": WEBHOOK},
    }.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
    monkeypatch.setenv("AIRFLOW_CONN_URL", WEBHOOK)


@pytest.mark.parametrize(
    ("conn_id", "is_ours"),
    [
        ("robot", True),
        ("app", True),
        ("url", True),
        ("mail", False),
        ("untyped_mail", False),
        ("nowhere", False),
        ("smtp_default", False),  # Airflow passes it if nobody chose another one
        (None, False),
        ("", False),
    ],
)
def test_a_connection_of_ours(connections: None, conn_id: str | None, is_ours: bool) -> None:
    assert own_connection(conn_id) == (conn_id if is_ours else None)


def test_the_default_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_connection() == "dingtalk_default"
    monkeypatch.setenv("AIRFLOW__DINGPUSH__ALERT_CONN_ID", "platform")
    assert default_connection() == "platform"


@pytest.mark.parametrize("conn_id", ["robot", "app"])
def test_people_by_their_addresses(connections: None, conn_id: str) -> None:
    """In whatever case; of an app as well, which mentions nobody else."""
    settings: Any = look_up(conn_id, settings_of)
    at = people_behind(["zhang@example.com", "li@example.com", "wang@example.com"], settings)
    assert at == At(mobiles="13800000000", user_ids="0123")
    assert unknown_among(["zhang@example.com", "wang@example.com"], settings) == ["wang@example.com"]
    assert users_of(at) == Users("0123", "13800000000")
    assert users_of(None) is None
    assert users_of(people_behind(["wang@example.com"], settings)) is None


@pytest.mark.parametrize(
    ("route", "to"),
    [
        (Route("robot"), None),
        (Route("app_with_group"), None),  # as a notifier's: both are one alert
        (Route("app"), Users("0123", "13800000000")),
        (Route("app", to=Group("cid2")), Group("cid2")),
        (Route("nowhere"), None),
    ],
)
def test_an_alert_of_an_app_without_a_group_goes_to_the_recipients(connections: None, route: Route, to: Any) -> None:
    assert addressed(route, ["zhang@example.com", "li@example.com"]).to == to
