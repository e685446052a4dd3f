"""The connection form: provider info for Airflow 3.2 and later, Python methods for those before."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import is_airflow_3
from airflow_provider_dingpush.connection_fields import APP_FORM, ROBOT_FORM, ConnectionForm
from airflow_provider_dingpush.connection_values import STORED_SECRET_PLACEHOLDER
from airflow_provider_dingpush.connections import AppSettings, RobotSettings
from airflow_provider_dingpush.delivery.policy import DeliveryPolicy
from airflow_provider_dingpush.dingtalk.credentials import App, Robot
from airflow_provider_dingpush.dingtalk.http_client import HttpOptions
from airflow_provider_dingpush.dingtalk.on_call_options import DingOptions, TodoOptions
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.provider_info import get_provider_info

SHOWN: list[dict[str, Any]] = get_provider_info()["connection-types"]
FORMS = pytest.mark.parametrize(
    ("hook", "form", "shown"),
    [(DingTalkRobotHook, ROBOT_FORM, SHOWN[0]), (DingTalkAppHook, APP_FORM, SHOWN[1])],
    ids=["robot", "app"],
)
Hook = type[DingTalkRobotHook] | type[DingTalkAppHook]


@FORMS
def test_provider_info_and_python_methods_describe_the_same_form(
    hook: Hook, form: ConnectionForm, shown: dict[str, Any]
) -> None:
    """Airflow 3.3 reads only the former, Airflow before 3.2 only the latter."""
    assert (shown["connection-type"], shown["hook-name"]) == (hook.conn_type, hook.hook_name)
    assert (hook.conn_type, hook.hook_name) == (form.conn_type, form.hook_name)
    assert shown["hook-class-name"] == f"{hook.__module__}.{hook.__name__}"
    behaviour = hook.get_ui_field_behaviour()
    assert {key.replace("_", "-"): value for key, value in behaviour.items()} == shown["ui-field-behaviour"]
    assert list(shown["conn-fields"]) == [each.name for each in form.fields]


@FORMS
def test_every_field_fills_a_settings_value(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """A field of the form that no settings value has would be dropped without a word."""
    owners = (RobotSettings, Robot) if form is ROBOT_FORM else (AppSettings, App, DingOptions, TodoOptions)
    shared = HttpOptions, DeliveryPolicy
    settings = {each.name for owner in (*owners, *shared) for each in dataclasses.fields(owner)}
    lacking = [each.name for each in form.fields if each.name not in settings]
    assert lacking == [], f"one of these values needs a field of this name: {[each.__name__ for each in owners]}, …"


@FORMS
def test_every_field_may_be_left_empty(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """A field whose type isn't null as well would be mandatory."""
    for field in shown["conn-fields"].values():
        assert "null" in field["schema"]["type"]
        assert None not in field["schema"].get("enum", ())


def test_provider_info_is_read_without_airflow() -> None:
    """Airflow loads it while it is itself being imported; whoever imports Airflow then takes all of it down."""
    program = (
        "import sys\n"
        "from airflow_provider_dingpush.provider_info import get_provider_info\n"
        "get_provider_info()\n"
        "assert not {'airflow', 'requests', 'urllib3', 'jinja2'} & set(sys.modules), 'too much is loaded'"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_the_package_name_is_the_distributions() -> None:
    """Anything else takes all of Airflow down."""
    assert get_provider_info()["package-name"] == "airflow-provider-dingpush"


@FORMS
def test_the_form_shows_the_port(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """Airflow 3.3 refuses to test a connection without one: its page then sends port 0."""
    behaviour = hook.get_ui_field_behaviour()
    assert "port" not in behaviour["hidden_fields"]
    assert behaviour["placeholders"]["port"].startswith("443")


@FORMS
def test_every_label_is_in_both_languages(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """Users read Chinese or English; the names of DingTalk's console are the same in both."""
    labels = [each["label"] for each in shown["conn-fields"].values()]
    for label in (*labels, *shown["ui-field-behaviour"]["relabeling"].values()):
        assert re.fullmatch(r"[ -~]+ · [^·]+", label), label
    for label in labels:
        assert re.search("[\u4e00-\u9fff]", label) or "AgentId" in label, label


@FORMS
def test_kinds_of_fields(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """A switch for a boolean, a list for a choice, and a number with its limits."""
    schemas = {name: field["schema"] for name, field in shown["conn-fields"].items()}
    assert schemas["send_resolved"] == {"type": ["boolean", "null"], "default": True}
    assert schemas["language"]["enum"] == ["zh", "en"]
    numbers = [each for each in schemas.values() if {"integer", "number"} & set(each["type"])]
    assert len(numbers) >= 6
    assert all({"minimum", "exclusiveMinimum"} & set(each) and "maximum" in each for each in numbers)


def test_a_limit_of_robots_is_not_shown_for_an_app() -> None:
    """DingTalk's 20 messages in a minute are a custom robot's."""
    robot, app = (each["conn-fields"] for each in SHOWN)
    assert "20" in robot["rate_limit_per_minute"]["description"]
    assert "20" not in app["rate_limit_per_minute"]["description"]
    assert "robot" not in app["fallback_conn_ids"]["description"]


def test_the_password_names_the_place_of_the_secret() -> None:
    """Both are needed, and the secret's field is in a section that is closed at first."""
    assert "Secret" in ROBOT_FORM.behaviour["placeholders"]["password"]
    assert next(iter(SHOWN[0]["conn-fields"])) == "secret"


@FORMS
def test_a_choice_made_in_the_form_is_read(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """What the form of Airflow 3 stores: JSON, with null for each field that was left empty."""
    extra = dict.fromkeys(shown["conn-fields"]) | {"send_resolved": True, "group_by": ["dag_id", "owner"]}
    assert form.read(extra, "dingtalk_default") == {"send_resolved": True, "group_by": ("dag_id", "owner")}


airflow_2_only = pytest.mark.skipif(
    is_airflow_3(), reason="the form of Airflow 2 needs its web part: install apache-airflow<3"
)


def form_of_airflow_2(hook: Hook, **stored: Any) -> Any:
    """The form as Airflow 2 builds it, with stored values."""
    from wtforms import Form

    fields = {f"extra__{hook.conn_type}__{name}": each for name, each in hook.get_connection_form_widgets().items()}
    form: Any = type("ConnectionForm", (Form,), fields)
    return form(data={f"extra__{hook.conn_type}__{name}": value for name, value in stored.items()})


@airflow_2_only
@FORMS
def test_airflow_2_takes_every_field(hook: Hook, form: ConnectionForm, shown: dict[str, Any]) -> None:
    """It leaves out all fields of a hook that has one of another class."""
    from wtforms import BooleanField, IntegerField, PasswordField, StringField

    widgets = hook.get_connection_form_widgets()
    assert list(widgets) == [each.name for each in form.fields]
    assert {each.field_class for each in widgets.values()} <= {IntegerField, PasswordField, StringField, BooleanField}


@airflow_2_only
def test_the_form_of_airflow_2_keeps_a_stored_secret() -> None:
    """A password field that comes back empty would erase the secret when somebody edits another field."""
    name = "extra__dingtalk_robot__secret"
    stored = str(form_of_airflow_2(DingTalkRobotHook, secret="SEC-stored", keyword="Airflow")[name]())
    assert f'value="{STORED_SECRET_PLACEHOLDER}"' in stored
    assert "SEC-stored" not in stored
    assert 'type="password"' in stored
    assert 'value=""' in str(form_of_airflow_2(DingTalkRobotHook)[name]())


@airflow_2_only
@pytest.mark.parametrize(
    ("stored", "checked"), [({}, True), ({"send_resolved": "true"}, True), ({"send_resolved": "false"}, False)]
)
def test_a_checkbox_of_airflow_2_shows_what_is_stored(stored: dict[str, Any], checked: bool) -> None:
    """One that is checked by default, and was cleared, must not come back checked."""
    html = str(form_of_airflow_2(DingTalkRobotHook, **stored)["extra__dingtalk_robot__send_resolved"]())
    assert (" checked" in html) == checked


@airflow_2_only
@pytest.mark.parametrize(("sent", "read"), [(["true", "false"], "true"), (["false"], "false")])
def test_a_checkbox_of_airflow_2_sends_either_value(sent: list[str], read: str) -> None:
    """A browser sends nothing for an empty checkbox, which Airflow would take for the default."""
    from werkzeug.datastructures import MultiDict

    name = "extra__dingtalk_robot__send_resolved"
    form = form_of_airflow_2(DingTalkRobotHook)
    html = str(form[name]())
    assert re.findall('value="(true|false)"', html) == ["true", "false"]
    form.process(MultiDict([(name, each) for each in sent]))
    assert form.data[name] == read


@airflow_2_only
def test_other_fields_of_airflow_2() -> None:
    """A list with the stored choice, and a number with its limits."""
    form = form_of_airflow_2(DingTalkRobotHook, language="en", rate_limit_per_minute="17")
    assert '<option selected value="en">English (en)</option>' in str(form["extra__dingtalk_robot__language"]())
    number = str(form["extra__dingtalk_robot__rate_limit_per_minute"]())
    assert all(each in number for each in ('type="number"', 'min="1"', 'max="1000"', 'value="17"'))
