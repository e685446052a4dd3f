"""Whatever a person may reasonably have put into a connection is understood, and the rest gets an error that helps.

The connections come out of environment variables through Airflow's own code, as they do in a task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import BaseHook
from airflow_provider_dingpush.connection_fields import APP_FORM, ROBOT_FORM
from airflow_provider_dingpush.connections import (
    AppSettings,
    RobotSettings,
    app_settings,
    credentials_of,
    look_up,
    robot_settings,
    settings_of,
    unknown_extras,
)
from airflow_provider_dingpush.dingtalk.credentials import App, Robot
from airflow_provider_dingpush.dingtalk.defaults import DEFAULT_BASE_URL
from airflow_provider_dingpush.dingtalk.http_client import HttpOptions
from airflow_provider_dingpush.dingtalk.secret import Secret
from airflow_provider_dingpush.errors import ConnectionSettingsError
from airflow_provider_dingpush.messages import At

# Airflow 3.2 with SQLAlchemy 2.1, when the first object of a database model is made.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated:DeprecationWarning")

CONN_ID = "dingtalk_default"
TOKEN = "0123456789abcdef" * 4
SECRET = "SEC" + "fedcba9876543210" * 4
WEBHOOK = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"
PLAIN = RobotSettings(conn_id=CONN_ID, robot=Robot(Secret(TOKEN)))
SIGNED = replace(PLAIN, robot=Robot(Secret(TOKEN), Secret(SECRET)))

Connect = Callable[[Any], Any]


def from_environment(monkeypatch: pytest.MonkeyPatch, written: Any) -> Any:
    """The connection as a task gets it: a dict is written as JSON, a str as it is."""
    value = written if isinstance(written, str) else json.dumps(written)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", value)
    return BaseHook.get_connection(CONN_ID)


def from_model(monkeypatch: pytest.MonkeyPatch, written: Any) -> Any:
    """The connection as the database holds it."""
    if isinstance(written, str):
        return in_database(uri=written)
    fields = {**written}
    if isinstance(fields.get("extra"), dict):
        fields["extra"] = json.dumps(fields["extra"])
    return in_database(**fields)


def in_database(**fields: Any) -> Any:
    """A connection of Airflow's metadata database, which is another class than that of a task."""
    from airflow.models import Connection

    return Connection(conn_id=CONN_ID, **fields)  # noqa: AIR311 - the database's is what is meant


def in_task(**fields: Any) -> Any:
    """A connection as tasks are given it, unchecked."""
    try:
        from airflow.sdk import Connection
    except ImportError:  # Airflow 2 has one class for both
        return in_database(**fields)
    return Connection(conn_id=CONN_ID, **fields)


@pytest.fixture(params=[from_environment, from_model], ids=["environment", "database"])
def connect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Make a connection in either of the two ways."""
    return lambda written: request.param(monkeypatch, written)


def robot(**fields: Any) -> dict[str, Any]:
    """A connection of our type with a token."""
    return {"conn_type": "dingtalk_robot", "password": TOKEN, **fields}


def at(base_url: str, settings: RobotSettings = PLAIN) -> RobotSettings:
    """The same settings at another address."""
    return replace(settings, base_url=base_url)


SPELLINGS: dict[str, tuple[Any, RobotSettings]] = {
    # the token
    "token": (robot(), PLAIN),
    "token with blanks around": (robot(password=f"  {TOKEN}\n"), PLAIN),
    "webhook URL": (robot(password=WEBHOOK), PLAIN),
    "webhook URL with blanks around": (robot(password=f" {WEBHOOK} \n"), PLAIN),
    "webhook URL with secret": (robot(password=f"{WEBHOOK}&secret={SECRET}"), SIGNED),
    "webhook URL with stale sign": (robot(password=f"{WEBHOOK}&timestamp=1577262236757&sign=a%2Bb%3D"), PLAIN),
    "webhook URL with other order": (
        robot(password=f"https://oapi.dingtalk.com/robot/send?sign=x&secret={SECRET}&access_token={TOKEN}#top"),
        SIGNED,
    ),
    "webhook URL as host": (robot(password=None, host=WEBHOOK), PLAIN),
    # the port, which Airflow 3.3's Test button needs and its page sends as 0 if there is none
    "port 443": (robot(password=WEBHOOK, port=443), PLAIN),
    "port 0": (robot(port=0, host="ding.example.com"), at("https://ding.example.com")),
    "port 0 and a base URL": (robot(port=0, host="http://127.0.0.1:8377"), at("http://127.0.0.1:8377")),
    "port 443 and a base URL with a port": (
        robot(port=443, host="http://127.0.0.1:8377"),
        at("http://127.0.0.1:8377"),
    ),
    "port 443 and a base URL of plain HTTP": (
        robot(port=443, host="http://ding.example.com/v"),
        at("http://ding.example.com/v"),
    ),
    "port of a gateway": (robot(port=8443, host="ding.example.com"), at("https://ding.example.com:8443")),
    "webhook URL with secret as host": (robot(password="", host=f"{WEBHOOK}&secret={SECRET}"), SIGNED),
    "token as extra": ({"conn_type": "dingtalk_robot", "extra": {"access_token": TOKEN}}, PLAIN),
    "secret as extra": (robot(extra={"secret": SECRET}), SIGNED),
    "secret as extra with blanks around": (robot(extra={"secret": f" {SECRET} "}), SIGNED),
    "secret as extra goes before a pasted one": (
        robot(password=f"{WEBHOOK}&secret=SECold", extra={"secret": SECRET}),
        SIGNED,
    ),
    "extra as text": (robot(extra=json.dumps({"secret": SECRET})), SIGNED),
    "empty extras": (robot(extra=dict.fromkeys((each.name for each in ROBOT_FORM.fields), "")), PLAIN),
    "blank extras": (robot(extra=dict.fromkeys((each.name for each in ROBOT_FORM.fields), " ")), PLAIN),
    "null extras": (robot(extra=dict.fromkeys(each.name for each in ROBOT_FORM.fields)), PLAIN),
    # the type
    "official provider's type": ({"conn_type": "dingding", "password": TOKEN}, PLAIN),
    "official provider's type with login": ({"conn_type": "dingding", "login": "me", "password": TOKEN}, PLAIN),
    "our type with login": (robot(login="me"), PLAIN),
    "type generic": ({"conn_type": "generic", "password": TOKEN}, PLAIN),
    "type http": ({"conn_type": "http", "password": TOKEN, "host": "10.0.0.1"}, at("http://10.0.0.1")),
    "type https": (
        {"conn_type": "https", "password": TOKEN, "host": "ding.example.com"},
        at("https://ding.example.com"),
    ),
    "type with hyphen": ({"conn_type": "dingtalk-robot", "password": TOKEN}, PLAIN),
    # the address
    "host": (robot(host="ding.example.com"), at("https://ding.example.com")),
    "host with port": (robot(host="ding.example.com:8443"), at("https://ding.example.com:8443")),
    "host and port": (robot(host="ding.example.com", port=8443), at("https://ding.example.com:8443")),
    "host and schema": (robot(host="ding.example.com", schema="http"), at("http://ding.example.com")),
    "host and schema https": (robot(host="ding.example.com", schema="https"), at("https://ding.example.com")),
    "host with scheme": (robot(host="http://127.0.0.1:8088"), at("http://127.0.0.1:8088")),
    "host with scheme, and port": (robot(host="http://127.0.0.1", port=8088), at("http://127.0.0.1:8088")),
    "host with slash": (robot(host="https://ding.example.com/"), at("https://ding.example.com")),
    "host with prefix": (robot(host="https://gw.example.com/ding/talk"), at("https://gw.example.com/ding/talk")),
    "host with prefix and slash": (robot(host="https://gw.example.com/ding/"), at("https://gw.example.com/ding")),
    "host with path of the API": (robot(host="https://gw.example.com/a/robot/send"), at("https://gw.example.com/a")),
    "host without scheme, with prefix": (robot(host="gw.example.com/ding"), at("https://gw.example.com/ding")),
    "host with blanks around": (robot(host=" https://ding.example.com "), at("https://ding.example.com")),
    "host of IPv6": (robot(host="http://[::1]:8088"), at("http://[::1]:8088")),
    "host in capitals": (robot(host="HTTPS://DING.EXAMPLE.COM"), at("https://ding.example.com")),
    "host with a password": (robot(host="https://me:pw@ding.example.com"), at("https://ding.example.com")),
    "host of a pasted URL": (
        robot(password=WEBHOOK.replace("https://oapi.dingtalk.com", "http://127.0.0.1:8088/ding")),
        at("http://127.0.0.1:8088/ding"),
    ),
    "host goes before that of a pasted URL": (
        robot(password=WEBHOOK, host="https://gw.example.com/ding"),
        at("https://gw.example.com/ding"),
    ),
    # whole URIs
    "URI that is the webhook URL": (WEBHOOK, PLAIN),
    "URI that is the webhook URL with secret": (f"{WEBHOOK}&secret={SECRET}", SIGNED),
    "URI that is the webhook URL with stale sign": (f"{WEBHOOK}&timestamp=1577262236757&sign=a%2Bb%3D", PLAIN),
    "URI of a sandbox": (
        f"http://127.0.0.1:8088/robot/send?access_token={TOKEN}&secret={SECRET}",
        at("http://127.0.0.1:8088", SIGNED),
    ),
    "URI of a gateway": (
        f"https://gw.example.com/ding/robot/send?access_token={TOKEN}",
        at("https://gw.example.com/ding"),
    ),
    "URI of our type": (f"dingtalk-robot://:{TOKEN}@/?secret={SECRET}", SIGNED),
    "URI of our type with webhook URL": (f"dingtalk-robot://:{quote(WEBHOOK, safe='')}@", PLAIN),
    "URI of our type with host": (
        f"dingtalk-robot://:{TOKEN}@ding.example.com:8443",
        at("https://ding.example.com:8443"),
    ),
    "URI of the official provider": (f"dingding://:{TOKEN}@oapi.dingtalk.com", PLAIN),
    # what nobody sees, and what an input method or a copied line brings along
    "invisible characters around a token": (robot(password=f"\ufeff{TOKEN}\u200b"), PLAIN),
    "invisible characters in a token": (robot(password=f"{TOKEN[:9]}\u2060{TOKEN[9:]}"), PLAIN),
    "invisible characters around a webhook URL": (robot(password=f"\u200b{WEBHOOK}\u200e"), PLAIN),
    "invisible characters in a webhook URL": (robot(password=WEBHOOK.replace("://", ":\u200b//\u00ad")), PLAIN),
    "blanks of no break around a webhook URL": (robot(password=f"\u00a0{WEBHOOK}\u3000"), PLAIN),
    "wide signs in a webhook URL": (
        robot(password=WEBHOOK.replace(":", "：").replace("/", "／").replace("?", "？").replace("=", "＝")),
        PLAIN,
    ),
    "wide letters in a token": (robot(password=TOKEN.replace("abc", "ａｂｃ")), PLAIN),
    "quotes around a webhook URL": (robot(password=f"“{WEBHOOK}”"), PLAIN),
    "a comma after a webhook URL": (robot(password=f"{WEBHOOK}，"), PLAIN),
    "a name before a webhook URL": (robot(password=f"Webhook：{WEBHOOK}"), PLAIN),
    "a name before a token": (robot(password=f"access_token={TOKEN}"), PLAIN),
    "a wide ampersand before the secret": (robot(password=f"{WEBHOOK}＆secret={SECRET}\u200b"), SIGNED),
    "invisible characters around a webhook URL as host": (robot(password=None, host=f"\u2060{WEBHOOK}\ufeff"), PLAIN),
    "invisible characters around a host": (
        robot(host="\u200bhttps://ding.example.com\u200b"),
        at("https://ding.example.com"),
    ),
    "invisible characters in a host": (robot(host="ding.\u200bexample.com"), at("https://ding.example.com")),
    "a host of invisible characters": (robot(host="\u200b\ufeff"), PLAIN),
    "invisible characters around a token as extra": (
        {"conn_type": "dingtalk_robot", "extra": {"\ufeffaccess_token": f"\u200b{TOKEN}\u200b"}}, PLAIN
    ),
    "invisible characters around a secret": (robot(extra={"secret": f"\u200b{SECRET}\ufeff"}), SIGNED),
    "a name before a secret": (robot(extra={"secret": f"加签：{SECRET}"}), SIGNED),
    "quotes around a secret": (robot(extra={"secret": f"「{SECRET}」"}), SIGNED),
    "invisible characters around the type": (robot(conn_type="\u200bdingtalk_robot\u200b"), PLAIN),
    "extras of invisible characters": (
        robot(extra=dict.fromkeys((each.name for each in ROBOT_FORM.fields), "\u200b")),
        PLAIN,
    ),
    "webhook URL with the slash of a browser": (robot(password=f"{WEBHOOK}/"), PLAIN),
    "webhook URL with a second question mark": (robot(password=f"{WEBHOOK}?x=1"), PLAIN),
    "webhook URL with large letters": (robot(password=WEBHOOK.replace("access_token", "Access_Token")), PLAIN),
    "webhook URL with somebody's timestamp and sign": (
        robot(password=f"{WEBHOOK}&timestamp=1700000000000&sign=a%2Bb%3D", extra={"secret": SECRET}), SIGNED
    ),
    "webhook URL of a host in large letters": (
        robot(password=WEBHOOK.replace("oapi.dingtalk.com", "OAPI.DingTalk.COM")), PLAIN
    ),
    "webhook URL at an IPv6 address": (
        robot(password=WEBHOOK.replace("oapi.dingtalk.com", "[2001:db8::1]:8443")), at("https://[2001:db8::1]:8443")
    ),
    "IPv6 address as host": (robot(host="2001:db8::1"), at("https://[2001:db8::1]")),
    "IPv6 address as host, and a port": (robot(host="2001:db8::1", port=8443), at("https://[2001:db8::1]:8443")),
    "URI of our type at an IPv6 address": (
        f"dingtalk-robot://:{TOKEN}@[2001:db8::1]:8443", at("https://[2001:db8::1]:8443")
    ),
    "URI after a byte order mark": (f"\ufeff{WEBHOOK}", PLAIN),
    "URI after two invisible characters": (f"\u200b\u2060{WEBHOOK}&secret={SECRET}", SIGNED),
    "URI before an invisible character": (f"{WEBHOOK}\u200b", PLAIN),
    "URI with one in its host": (WEBHOOK.replace("oapi", "oa\u200bpi"), at("https://oapi.dingtalk.com")),
    "URI in quotes": (f'"{WEBHOOK}"', PLAIN),
    "URI in Chinese quotes": (f"“{WEBHOOK}”", PLAIN),
    "URI after its name": (f"Webhook：{WEBHOOK}", PLAIN),
    "URI with a wide colon": (WEBHOOK.replace(":", "："), PLAIN),
    "URI with wide slashes": (WEBHOOK.replace("//", "／／"), PLAIN),
    "URI with a wide question mark": (WEBHOOK.replace("?", "？"), PLAIN),
    "URI with a wide sign of equality": (WEBHOOK.replace("=", "＝"), PLAIN),
    "URI with a wide ampersand": (f"{WEBHOOK}＆secret={SECRET}", SIGNED),
    "URI of our type after an invisible character": (f"\u200bdingtalk-robot://:{TOKEN}@/?secret={SECRET}", SIGNED),
}  # fmt: skip


@pytest.mark.parametrize(("written", "settings"), SPELLINGS.values(), ids=SPELLINGS)
def test_a_spelling_is_understood(connect: Connect, written: Any, settings: RobotSettings) -> None:
    """Token, secret and address are the same, however they were written down."""
    assert robot_settings(connect(written)) == settings


@pytest.mark.parametrize(("written", "settings"), SPELLINGS.values(), ids=SPELLINGS)
def test_all_credentials_of_a_spelling_are_masked(connect: Connect, written: Any, settings: RobotSettings) -> None:
    """Wherever token and secret were put, Airflow is given them to mask before anything can be logged."""
    credentials = credentials_of(connect(written))
    assert TOKEN in credentials
    assert settings.robot.secret is None or settings.robot.secret.revealed in credentials
    assert None not in credentials
    assert "" not in credentials


@pytest.mark.parametrize(
    ("extra", "settings"),
    [
        ({"keyword": " 告警 "}, replace(PLAIN, robot=Robot(Secret(TOKEN), keyword="告警"))),
        ({"keyword": 7}, replace(PLAIN, robot=Robot(Secret(TOKEN), keyword="7"))),
        ({"language": "en"}, replace(PLAIN, language="en")),
        ({"language": "ZH_CN"}, replace(PLAIN, language="zh")),
        ({"language": " zh-Hans "}, replace(PLAIN, language="zh")),
        ({"timeout_seconds": 3}, replace(PLAIN, http=HttpOptions(timeout_seconds=3.0))),
        ({"timeout_seconds": " 2.5 "}, replace(PLAIN, http=HttpOptions(timeout_seconds=2.5))),
        ({"timeout_seconds": "60"}, replace(PLAIN, http=HttpOptions(timeout_seconds=60.0))),
        ({"proxy": "http://p.example.com:3128"}, replace(PLAIN, http=HttpOptions(proxy="http://p.example.com:3128"))),
        (
            {"proxy": " socks5h://u:p@p.example.com "},
            replace(PLAIN, http=HttpOptions(proxy="socks5h://u:p@p.example.com")),
        ),
        ({"verify": True}, replace(PLAIN, http=HttpOptions(verify=True))),
        ({"verify": "True"}, replace(PLAIN, http=HttpOptions(verify=True))),
        ({"verify": False}, replace(PLAIN, http=HttpOptions(verify=False))),
        ({"verify": " no "}, replace(PLAIN, http=HttpOptions(verify=False))),
        ({"verify": 0}, replace(PLAIN, http=HttpOptions(verify=False))),
        ({"verify": " /etc/ssl/company.pem "}, replace(PLAIN, http=HttpOptions(verify="/etc/ssl/company.pem"))),
        ({"mentions": {}}, PLAIN),
        ({"keyword": "\u200b\ufeff告警\u00a0\u2060"}, replace(PLAIN, robot=Robot(Secret(TOKEN), keyword="告警"))),
        ({"keyword": "告警：ａ"}, replace(PLAIN, robot=Robot(Secret(TOKEN), keyword="告警：ａ"))),
        ({"language": "\u200bｅｎ"}, replace(PLAIN, language="en")),
        ({"timeout_seconds": "３\u200b"}, replace(PLAIN, http=HttpOptions(timeout_seconds=3.0))),
        ({"verify": "ｆａｌｓｅ\ufeff"}, replace(PLAIN, http=HttpOptions(verify=False))),
        (
            {"proxy": "\u200bhttp://u:p，@p.example.com:3128\u200b"},
            replace(PLAIN, http=HttpOptions(proxy="http://u:p，@p.example.com:3128")),
        ),
        ({"fallback_conn_ids": "a，\u200bb、“c”; d"}, replace(PLAIN, fallback_conn_ids=("a", "b", "c", "d"))),
        ({"fallback_conn_ids": ["a\ufeff", " b"]}, replace(PLAIN, fallback_conn_ids=("a", "b"))),
    ],
    ids=ascii,
)
def test_an_extra_is_understood(connect: Connect, extra: dict[str, Any], settings: RobotSettings) -> None:
    """Forms make strings of everything, and JSON doesn't."""
    assert robot_settings(connect(robot(extra=extra))) == settings


@pytest.mark.parametrize("verify", ["", " ", "\t\n", None])
def test_nothing_for_verify_leaves_the_check_of_certificates_on(connect: Connect, verify: Any) -> None:
    """An empty form field must never mean "don't check"."""
    assert robot_settings(connect(robot(extra={"verify": verify}))).http.verify is None


@pytest.mark.parametrize(
    ("people", "who"),
    [
        ("13800000000", At("13800000000")),
        (13800000000, At("13800000000")),
        (" 13800000000 ", At("13800000000")),
        ("+86-13800000000", At("13800000000")),
        ("+1-4155550100", At("+1-4155550100")),
        ("user123", At(user_ids="user123")),
        ("23800000000", At(user_ids="23800000000")),
        ("138000", At(user_ids="138000")),
        (["13800000000", "user123"], At("13800000000", "user123")),
        ({"mobiles": "13800000000"}, At("13800000000")),
        ({"user_ids": ["13800000000"]}, At(user_ids="13800000000")),
        ({"atUserIds": ["u"], "isAtAll": True}, At(user_ids="u", everyone=True)),
        ([], At()),
        ({}, At()),
        (None, At()),
        ("86-13800000000", At("13800000000")),
        ("8613800000000", At("13800000000")),
        (8613800000000, At("13800000000")),
        (13800000000.0, At("13800000000")),
        ("+86 138 0000 0000", At("13800000000")),
        ("008613800000000", At("13800000000")),
        ("１３８００００００００", At("13800000000")),
        ("\u200b13800000000\ufeff", At("13800000000")),
        ("@13800000000", At("13800000000")),
        ("13800000000，user123、+852 51234567", At(["13800000000", "+852-51234567"], "user123")),
        (["86-13800000000", 12345.0], At("13800000000", "12345")),
        ({"atMobiles": ["86-13800000000", 13900000000.0]}, At(["13800000000", "13900000000"])),
        ({"mobiles": "138000"}, At("138000")),
        ("user:13800000000", At(user_ids="13800000000")),
        ("user：0123-456", At(user_ids="0123-456")),
        ("mobile:138000", At("138000")),
        ("手机：86-13800000000", At("13800000000")),
        ("\u200buser123\u200b", At(user_ids="user123")),
        ("user:张三", At(user_ids="张三")),
        ("13800000000|lisi|+81 090-1234-5678", At(["13800000000", "+81-9012345678"], "lisi")),
        (["13800000000", "+86 138-0000-0000"], At("13800000000")),
        ("0061234567890", At(user_ids="0061234567890")),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("as_text", [False, True], ids=["JSON", "text"])
def test_owners_are_found_in_dingtalk(connect: Connect, people: Any, who: At, as_text: bool) -> None:
    """A mobile number is distinguished from a user id, and the plain form of a mention names which it is."""
    mentions = {" zhangsan ": people, "lisi": "user456"}
    settings = robot_settings(connect(robot(extra={"mentions": json.dumps(mentions) if as_text else mentions})))
    assert settings.mentions == {"zhangsan": who, "lisi": At(user_ids="user456")}


@pytest.mark.parametrize(
    ("people", "who", "value"),
    [
        ("138 000", At(), "'138 000'"),
        ("86-1380000", At(), "'86-1380000'"),
        (["+86 1380", "lisi"], At(user_ids="lisi"), "'+86 1380'"),
        ("1.38E+10", At(), "'1.38E+10'"),
        ("1380000000", At(user_ids="1380000000"), "'1380000000'"),
        ("138000000000", At(user_ids="138000000000"), "'138000000000'"),
        ("013800000000", At(user_ids="013800000000"), "'013800000000'"),
        ("861380000000", At(user_ids="861380000000"), "'861380000000'"),
        ("zhang san", At(), "'zhang san'"),
        ({"mobiles": ["138-000", "13800000000"]}, At("13800000000"), "'138-000'"),
        ("张三", At(user_ids="张三"), "'张三'"),
        ("+86-138****0000", At(), "'+86-138****0000'"),
        ("13800000000(张三)", At(user_ids="13800000000(张三)"), "'13800000000(张三)'"),
        ("zhangsan13800000000", At(user_ids="zhangsan13800000000"), "'zhangsan13800000000'"),
        ("mobile:zhangsan", At(), "'zhangsan'"),
    ],
    ids=ascii,
)
def test_a_doubtful_person_is_named_and_costs_nobody_elses_alert(
    connect: Connect,
    people: Any,
    who: At,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Value and owner are in the log; a broken number is never silently taken for a user id."""
    settings = robot_settings(connect(robot(extra={"mentions": {"zhangsan": people, "wangwu": "user456"}})))
    assert settings.mentions == {"zhangsan": who, "wangwu": At(user_ids="user456")}
    (problem,) = settings.mention_problems
    assert value in problem
    assert "'zhangsan'" in problem
    assert "user:0123" in problem
    monkeypatch.setenv("AIRFLOW_CONN_IN_THE_LOG", json.dumps(robot(extra={"mentions": {"zhangsan": people}})))
    with caplog.at_level("WARNING", "airflow_provider_dingpush"):
        look_up("in_the_log", robot_settings)
    assert problem in caplog.text


@pytest.mark.parametrize(
    "text",
    ["{“zhangsan”：“13800000000”}", '\ufeff{"zhangsan": "13800000000"}', '{"\u200bzhangsan\u00a0": "86-13800000000"}'],
    ids=ascii,
)
def test_mentions_typed_on_a_chinese_keyboard_are_read(connect: Connect, text: str) -> None:
    """JSON wants plain quotes, which a keyboard for Chinese doesn't make."""
    assert robot_settings(connect(robot(extra={"mentions": text}))).mentions == {"zhangsan": At("13800000000")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"),
        ("language", "fr"),
        ("language", ["zh"]),
        ("timeout_seconds", "soon"),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1),
        ("timeout_seconds", 61),
        ("timeout_seconds", "nan"),
        ("timeout_seconds", "inf"),
        ("timeout_seconds", [5]),
        ("timeout_seconds", {"s": 5}),
        ("proxy", "proxy.example.com:3128"),
        ("proxy", "ftp://proxy.example.com"),
        ("proxy", "http://"),
        ("proxy", "http://[bad"),
        ("mentions", "zhangsan"),
        ("mentions", "{"),
        ("mentions", "[1]"),
        ("mentions", ["13800000000"]),
        ("mentions", {"zhangsan": [None]}),
        ("mentions", {"zhangsan": 1.5}),
        ("mentions", {"zhangsan": [["138"]]}),
        ("mentions", {"zhangsan": {"mobile": "138"}}),
        ("mentions", {"zhangsan": [f"user{number}" for number in range(51)]}),
    ],
    ids=repr,
)
def test_a_wrong_extra_is_refused_by_name(connect: Connect, name: str, value: Any) -> None:
    """The error names connection and field, and explains what belongs there in English and Chinese."""
    connection = connect(robot(extra={"secret": SECRET, name: value}))
    with pytest.raises(ConnectionSettingsError) as caught:
        robot_settings(connection)
    assert caught.value.problem.startswith(f"The extra field '{name}' of connection 'dingtalk_default' is wrong: it ")
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.advice)
    assert TOKEN not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_wrong_extra_is_not_shown(connect: Connect) -> None:
    """A secret may be in the wrong field."""
    for name in ("timeout_seconds", "proxy", "language", "mentions"):
        with pytest.raises(ConnectionSettingsError) as caught:
            robot_settings(connect(robot(extra={name: SECRET})))
        assert SECRET not in str(caught.value)


MANGLED = "was given as a URI that starts with dingtalk_robot://"
NO_TOKEN = "Connection 'dingtalk_default' has no access token."
APP = "is an app's (AppKey and AppSecret), not a custom robot's."
APP_KEY = "dingabcdefghij012345"

WRONG: dict[str, tuple[Any, str]] = {
    "mangled URI": (f"dingtalk_robot://:{TOKEN}@/?secret={SECRET}", MANGLED),
    "mangled URI with host": (f"dingtalk_robot://:{TOKEN}@oapi.dingtalk.com", MANGLED),
    "no token": (robot(password=None), NO_TOKEN),
    "empty token": (robot(password=""), NO_TOKEN),
    "blank token": (robot(password="  "), NO_TOKEN),
    "webhook URL without token": (robot(password="https://oapi.dingtalk.com/robot/send"), NO_TOKEN),
    "webhook URL with empty token": (robot(password="https://oapi.dingtalk.com/robot/send?access_token="), NO_TOKEN),
    "URI of our type without token": ("dingtalk-robot://", NO_TOKEN),
    "token with blanks": (robot(password=f"{TOKEN[:9]} {TOKEN[9:]}"), "contains blanks"),
    "token with a newline": (robot(password=f"{TOKEN[:9]}\n{TOKEN[9:]}"), "contains blanks"),
    "webhook URL with blanks": (robot(password=WEBHOOK.replace(TOKEN, f"{TOKEN[:9]}+{TOKEN[9:]}")), "contains blanks"),
    "generic with login": ({"conn_type": "generic", "login": "dingkey", "password": TOKEN}, APP),
    "https with login": ({"conn_type": "https", "login": "dingkey", "password": TOKEN, "host": "api.example.com"}, APP),
    "http with login": ({"conn_type": "http", "login": "dingkey", "password": TOKEN, "host": "api.example.com"}, APP),
    "app": ({"conn_type": "dingtalk_app", "login": "k", "password": TOKEN}, APP),
    "AppKey in the webhook URL": (robot(password=WEBHOOK.replace(TOKEN, APP_KEY)), "holds an app's AppKey"),
    "AppKey and AppSecret in a robot": (robot(login=APP_KEY), "holds an app's AppKey"),
    "mysql": (f"mysql://me:{TOKEN}@db/etl", "is of type 'mysql', not 'dingtalk_robot' or 'dingtalk_app'."),
    "slack": ({"conn_type": "slackwebhook", "password": TOKEN}, "is of type 'slackwebhook', not"),
    "host of another scheme": (robot(host="ftp://ding.example.com"), "is not a base URL"),
    "host that is none": (robot(host="https://"), "is not a base URL"),
    "host with a wrong port": (robot(host="https://ding.example.com:port"), "is not a base URL"),
    "host with half an IPv6": (robot(host="https://[::1"), "is not a base URL"),
    "host with a letter that only looks like one": (
        robot(host="https://d\u0456ng.example.com"),
        "contains U+0456 CYRILLIC",
    ),
    "port that is none in a webhook URL": (
        robot(password=WEBHOOK.replace(".com", ".com:x")),
        "The password of connection",
    ),
    "scheme that is none in a webhook URL": (
        robot(password=WEBHOOK.replace("https", "ftp")),
        "The password of connection",
    ),
    "webhook URL with a Chinese dot": (
        robot(password=WEBHOOK.replace(".", "。")),
        "contains U+3002 IDEOGRAPHIC FULL STOP",
    ),
    "token with a letter that only looks like one": (
        robot(password=TOKEN.replace("c", "\u0441", 1)), "contains U+0441 CYRILLIC SMALL LETTER ES"
    ),
    "token with an ellipsis": (robot(password=f"{TOKEN[:9]}…"), "it is in the password"),
    "token as extra with an ellipsis": (
        robot(password=None, extra={"access_token": f"{TOKEN[:9]}…"}), "it is in the extra field 'access_token'"
    ),
    "token in a host with an ellipsis": (
        robot(password=None, host=WEBHOOK.replace(TOKEN, f"{TOKEN[:9]}…")),
        "it is in the host",
    ),
    "a whole command": (
        robot(password=f"curl '{WEBHOOK}' -H 'Content-Type: application/json' -d '{{}}'"), "A whole command was pasted"
    ),
    "a whole command as URI": (f"curl '{WEBHOOK}' -H 'Content-Type: application/json'", "A whole command was pasted"),
    "webhook URL and secret in two lines": (
        robot(password=f"{WEBHOOK}\n{SECRET}"),
        "contains blanks (U+000A LINE FEED)",
    ),
    "secret with an ellipsis": (
        robot(extra={"secret": f"{SECRET[:9]}…"}),
        "'secret' of connection 'dingtalk_default' is wrong",
    ),
    "secret with blanks": (robot(extra={"secret": f"{SECRET[:9]} {SECRET[9:]}"}), "contains U+0020 SPACE"),
    "secret in a webhook URL with an ellipsis": (robot(password=f"{WEBHOOK}&secret=SEC…"), "The secret of connection"),
    "proxy with a Chinese dot": (
        robot(extra={"proxy": "http://proxy。example.com"}),
        "contains U+3002 IDEOGRAPHIC FULL STOP",
    ),
    "text that is no connection": (TOKEN, "neither a URI nor JSON (a token alone is not enough)"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "problem"), WRONG.values(), ids=WRONG)
def test_a_wrong_connection_is_refused_with_the_remedy(connect: Connect, written: Any, problem: str) -> None:
    """The error names the connection and what to do, and shows neither token nor secret."""
    connection = connect(written)
    with pytest.raises(ConnectionSettingsError) as caught:
        robot_settings(connection)
    assert problem in caught.value.problem
    assert "'dingtalk_default'" in caught.value.problem
    assert caught.value.advice
    assert not caught.value.retryable
    for hidden in (TOKEN, TOKEN[:9], TOKEN[9:], SECRET):
        assert hidden not in f"{caught.value}{caught.value!r}{caught.value.__context__}"


def test_the_error_of_a_mangled_uri_shows_how_to_write_it(connect: Connect) -> None:
    """Hyphen or JSON; and what landed in the wrong field is masked."""
    connection = connect(f"dingtalk_robot://:{TOKEN}@/?secret={SECRET}")
    with pytest.raises(ConnectionSettingsError) as caught:
        robot_settings(connection)
    assert "dingtalk-robot://" in caught.value.advice
    assert '"conn_type": "dingtalk_robot"' in caught.value.advice
    assert any(TOKEN in each for each in credentials_of(connection))
    assert SECRET in credentials_of(connection)


def test_the_password_of_a_proxy_is_a_credential_too(connect: Connect) -> None:
    """It is masked as it is, not as the URL spells it."""
    assert "p@ss" in credentials_of(connect(robot(extra={"proxy": "http://user:p%40ss@proxy.example.com:3128"})))


def test_settings_do_not_print_credentials(connect: Connect) -> None:
    """They may get into a log or traceback."""
    settings = robot_settings(connect(robot(extra={"secret": SECRET, "proxy": "http://u:pw@p.example.com"})))
    for hidden in (TOKEN, SECRET, "pw@"):
        assert hidden not in repr(settings)


def test_extras_that_mean_nothing_are_named(connect: Connect) -> None:
    """A misspelt option is found instead of being ignored."""
    known = {each.name: "" for each in ROBOT_FORM.fields}
    connection = connect(
        robot(extra={**known, "access_token": "", "timeout": 3, "Secret": SECRET, "extra__x__keyword": ""})
    )
    assert unknown_extras(connection) == (["Secret", "timeout"], [each.name for each in ROBOT_FORM.fields])


@pytest.mark.parametrize("extra", ["not JSON", "[1]", '"text"', ""], ids=repr)
@pytest.mark.filterwarnings("ignore")  # Airflow's own about such extras, which differ in every version
def test_an_extra_that_is_no_object_counts_as_none(extra: str) -> None:
    """The robot still works with the other fields."""
    # The database of Airflow 3 no longer takes it; what a task is given may still hold it.
    connection = in_task(conn_type="dingtalk_robot", password=TOKEN, extra=extra)
    assert robot_settings(connection) == PLAIN


@pytest.mark.filterwarnings("ignore")  # as above
def test_an_extra_after_a_byte_order_mark_is_read() -> None:
    """As Airflow would, were it not for the mark."""
    connection = in_task(conn_type="dingtalk_robot", password=TOKEN, extra="\ufeff" + json.dumps({"secret": SECRET}))
    assert robot_settings(connection) == SIGNED


def test_the_default_address_is_dingtalks() -> None:
    """Nobody needs to know it."""
    assert PLAIN.base_url == DEFAULT_BASE_URL == "https://oapi.dingtalk.com"


APP_CONNECTION = {"conn_type": "dingtalk_app", "login": APP_KEY, "password": SECRET}
PLAIN_APP = AppSettings(conn_id=CONN_ID, app=App(APP_KEY, Secret(SECRET)))
GATEWAY = "http://ding.example.com:8080/v"


def of_app(**fields: Any) -> dict[str, Any]:
    """An app's connection with other fields."""
    return {**APP_CONNECTION, **fields}


APP_SPELLINGS: dict[str, tuple[Any, AppSettings]] = {
    "JSON": (APP_CONNECTION, PLAIN_APP),
    "blanks around": (of_app(login=f" {APP_KEY} ", password=f"{SECRET}\n"), PLAIN_APP),
    "hyphens in the type": (of_app(conn_type="dingtalk-app"), PLAIN_APP),
    "generic": (of_app(conn_type="generic"), PLAIN_APP),
    "URI": (f"dingtalk-app://{APP_KEY}:{SECRET}@/", PLAIN_APP),
    "URI with extras": (
        f"dingtalk-app://{APP_KEY}:{SECRET}@/?agent_id=42&open_conversation_id=cidA%3D%3D",
        replace(PLAIN_APP, app=App(APP_KEY, Secret(SECRET), agent_id="42"), open_conversation_id="cidA=="),
    ),
    "all extras": (
        of_app(
            extra={
                "agent_id": 42,
                "open_conversation_id": "cidA==",
                "robot_code": "dingrobot",
                "language": "en_US",
                "timeout_seconds": "7.5",
                "proxy": "http://proxy.example.com:3128",
                "verify": "false",
                "resend_unknown": "true",
                "api_base_url": GATEWAY + "1/",
                "oapi_base_url": GATEWAY + "2",
                "mentions": {"zhangsan": "13800000000"},
                "keyword": "means nothing to an app",
            }
        ),
        AppSettings(
            conn_id=CONN_ID,
            app=App(APP_KEY, Secret(SECRET), robot_code="dingrobot", agent_id="42"),
            open_conversation_id="cidA==",
            api_base_url=GATEWAY + "1",
            oapi_base_url=GATEWAY + "2",
            resend_unknown=True,
            http=HttpOptions(timeout_seconds=7.5, proxy="http://proxy.example.com:3128", verify=False),
            language="en",
            mentions={"zhangsan": At("13800000000")},
        ),
    ),
    "invisible characters everywhere": (
        of_app(
            login=f"\u200b{APP_KEY}\ufeff",
            password=f"“{SECRET}\u2060”",
            host="\u200b",
            extra={
                "agent_id": "\u200b４２\u200b",
                "open_conversation_id": "\ufeffcidA==，",
                "robot_code": "\u200edingrobot\u200e",
                "api_base_url": f"\u200b{GATEWAY}1",
            },
        ),
        replace(
            PLAIN_APP,
            app=App(APP_KEY, Secret(SECRET), robot_code="dingrobot", agent_id="42"),
            open_conversation_id="cidA==",
            api_base_url=GATEWAY + "1",
        ),
    ),
    "names before the values": (
        of_app(login=f"AppKey：{APP_KEY}", password=f"Client Secret: {SECRET}", extra={"agent_id": "AgentId：42"}),
        replace(PLAIN_APP, app=App(APP_KEY, Secret(SECRET), agent_id="42")),
    ),
    "a number with a fraction of nothing": (
        of_app(extra={"agent_id": 42.0}),
        replace(PLAIN_APP, app=App(APP_KEY, Secret(SECRET), agent_id="42")),
    ),
    "blank extras": (of_app(extra=dict.fromkeys((each.name for each in APP_FORM.fields), " ")), PLAIN_APP),
    "null extras": (of_app(extra=dict.fromkeys(each.name for each in APP_FORM.fields)), PLAIN_APP),
    "a gateway for both": (of_app(host=GATEWAY), replace(PLAIN_APP, api_base_url=GATEWAY, oapi_base_url=GATEWAY)),
    "a gateway for one": (
        of_app(host="127.0.0.1", port=8377, schema="http", extra={"api_base_url": GATEWAY}),
        replace(PLAIN_APP, api_base_url=GATEWAY, oapi_base_url="http://127.0.0.1:8377"),
    ),
}


@pytest.mark.parametrize(("written", "settings"), APP_SPELLINGS.values(), ids=APP_SPELLINGS)
def test_a_spelling_of_an_app_is_understood(connect: Connect, written: Any, settings: AppSettings) -> None:
    """As an app, also where the type is neither."""
    connection = connect(written)
    assert app_settings(connection) == settings
    assert settings_of(connection) == settings
    assert SECRET in credentials_of(connection)
    assert unknown_extras(connection)[0] == []
    for hidden in (SECRET, SECRET[:12]):
        assert hidden not in repr(settings)


def test_a_robot_is_distinguished_from_an_app(connect: Connect) -> None:
    """By its type, or by what it lacks."""
    assert settings_of(connect(robot())) == PLAIN
    assert settings_of(connect({"conn_type": "generic", "password": TOKEN})) == PLAIN


WRONG_APPS: dict[str, tuple[Any, str]] = {
    "no AppKey": (of_app(login=None), "has no AppKey (login)."),
    "no AppSecret": (of_app(password=" "), "has no AppSecret (password)."),
    "neither": ({"conn_type": "dingtalk_app"}, "has no AppKey (login) and no AppSecret (password)."),
    "blanks inside": (of_app(password=f"{SECRET[:5]} {SECRET[5:]}"), "contains blanks"),
    "a form's placeholder": (of_app(password="RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"), "placeholder"),
    "a webhook URL": (of_app(password=WEBHOOK), "its password is a robot's webhook URL"),
    "a robot": (robot(), "is a custom robot's, not an app's."),
    "an AppKey for AgentId": (of_app(extra={"agent_id": APP_KEY}), "must be a number, the app's AgentId"),
    "a base URL that is none": (of_app(extra={"api_base_url": "api.dingtalk.com"}), "must be a base URL"),
    "a flag that is none": (of_app(extra={"resend_unknown": "perhaps"}), "must be true or false"),
    "AppSecret with a letter that only looks like one": (
        of_app(password=f"{SECRET}\u0441"),
        "The AppSecret of connection",
    ),
    "AppKey with an ellipsis": (of_app(login=f"{APP_KEY}…"), "contains U+2026 HORIZONTAL ELLIPSIS, which is invalid"),
    "group with blanks": (of_app(extra={"open_conversation_id": "cid A"}), "'open_conversation_id'"),
    "robot code in Chinese": (of_app(extra={"robot_code": "机器人"}), "contains U+673A CJK UNIFIED IDEOGRAPH-673A"),
    "mangled URI": (f"dingtalk_app://{APP_KEY}:{SECRET}@/", MANGLED),
    "mysql": (f"mysql://me:{SECRET}@db/etl", "is of type 'mysql'"),
}


@pytest.mark.parametrize(("written", "problem"), WRONG_APPS.values(), ids=WRONG_APPS)
def test_a_wrong_app_is_refused_with_the_remedy(connect: Connect, written: Any, problem: str) -> None:
    """The error names the connection and what to do in English and Chinese, and shows no secret."""
    connection = connect(written)
    with pytest.raises(ConnectionSettingsError) as caught:
        app_settings(connection)
    assert problem in caught.value.problem
    assert "'dingtalk_default'" in caught.value.problem
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.advice)
    for hidden in (SECRET, SECRET[:12], SECRET[5:], TOKEN):
        assert hidden not in f"{caught.value}{caught.value!r}{caught.value.__context__}"
    assert any(hidden in each for each in credentials_of(connection) for hidden in (SECRET, TOKEN, SECRET[:5])) or (
        "AppSecret" in problem or "placeholder" in problem
    )


@pytest.mark.parametrize(
    ("written", "place"),
    [
        (robot(password=f"{TOKEN[:9]}…"), "in the password."),
        (f"{WEBHOOK}…", "in the extra field 'access_token' (in the URI of AIRFLOW_CONN_DINGTALK_DEFAULT)."),
        (WEBHOOK.replace("oapi.", "oapi。"), "The host (in the URI of AIRFLOW_CONN_DINGTALK_DEFAULT) of connection"),
    ],
    ids=["JSON", "token of a URI", "host of a URI"],
)
def test_the_error_names_the_place_that_the_value_came_from(
    monkeypatch: pytest.MonkeyPatch, written: Any, place: str
) -> None:
    """Whoever wrote a URI into an environment variable never filled in a host field."""
    with pytest.raises(ConnectionSettingsError) as caught:
        robot_settings(from_environment(monkeypatch, written))
    assert place in caught.value.problem


@pytest.mark.parametrize(
    "text", ['{"conn_type": "dingtalk_robot", "password": ', '["dingtalk"]', f"https://a:b@c://{TOKEN}", "http://[x"]
)
def test_a_variable_that_airflow_cant_read_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Instead of "no such connection"; and its value is not shown."""
    monkeypatch.setenv("AIRFLOW_CONN_UNREADABLE", text)
    with pytest.raises(ConnectionSettingsError) as caught:
        look_up("unreadable", settings_of)
    assert "AIRFLOW_CONN_UNREADABLE" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None


def test_random_variables_are_read_or_refused_with_our_own_error(tmp_path: Path) -> None:
    """Through Airflow's own reading of them, in a process whose masked texts are no matter to other tests."""
    command = [sys.executable, "-m", "tests.surface.connection_lookups", "300"]
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3_000:]
    assert int(ended.stdout.split()[-2]) > 30
