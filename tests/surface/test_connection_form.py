"""The connection form: provider info for Airflow 3.2 and later, Python methods for those before."""

from __future__ import annotations

import dataclasses
import os
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
    owners = (RobotSettings, Robot) if form is ROBOT_FORM else (AppSettings, App)
    settings = {each.name for owner in (*owners, HttpOptions, DeliveryPolicy) for each in dataclasses.fields(owner)}
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


@pytest.mark.skipif(is_airflow_3(), reason="the form of Airflow 2 needs its web part: install apache-airflow<3")
def test_the_form_of_airflow_2_keeps_a_stored_secret() -> None:
    """A password field that comes back empty would erase the secret when somebody edits another field."""
    from wtforms import Form

    class ConnectionForm(Form):  # type: ignore[misc,unused-ignore]
        """As Airflow builds it."""

    widgets = DingTalkRobotHook.get_connection_form_widgets()
    assert list(widgets) == [each.name for each in ROBOT_FORM.fields]
    assert list(DingTalkAppHook.get_connection_form_widgets()) == [each.name for each in APP_FORM.fields]
    for name, widget in widgets.items():
        setattr(ConnectionForm, name, widget)
    stored = str(ConnectionForm(data={"secret": "SEC-stored", "keyword": "Airflow"}).secret())
    assert f'value="{STORED_SECRET_PLACEHOLDER}"' in stored
    assert "SEC-stored" not in stored
    assert 'type="password"' in stored
    assert 'value=""' in str(ConnectionForm().secret())
