"""Provider metadata for Airflow; loaded in every Airflow process, so it imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow_provider_dingpush import __version__
from airflow_provider_dingpush.connection_fields import APP_FORM, ROBOT_FORM, ConnectionForm

# Name -> what it is for, an example, its default.
_OPTIONS: dict[str, tuple[str, str, str]] = {
    "outbox_url": (
        "Outbox for pending alerts, if Airflow runs on several machines: redis://… Empty: files under home.",
        "redis://:password@redis.example.com:6379/0",
        "",
    ),
    "home": (
        "Folder of the outbox's files, if outbox_url is empty. Empty: dingpush in AIRFLOW_HOME.",
        "/var/lib/airflow/dingpush",
        "",
    ),
    "base_url": (
        "URL of Airflow's web UI as people open it, for links in alerts. Empty: Airflow's own, if set.",
        "https://airflow.example.com",
        "",
    ),
    "alert_conn_id": (
        "Connection to which failures of all DAGs are sent. Empty: only DAGs with a notifier are reported.",
        "dingtalk_default",
        "",
    ),
    "rules_file": (
        "YAML file with rules: which failures of all DAGs are sent to whom. Empty: all to alert_conn_id.",
        "/opt/airflow/config/dingpush_rules.yaml",
        "",
    ),
    "attach": (
        "How failures of all DAGs are noticed: by this package's listeners (empty), or by its cluster policy (policy).",
        "policy",
        "",
    ),
    "also_email": (
        "Whether this package's e-mail backend sends each e-mail by SMTP as well: true. Empty: only to DingTalk.",
        "true",
        "",
    ),
    "environment": (
        "Label in alerts that distinguishes this Airflow from others. Empty: Airflow's instance name.",
        "production",
        "",
    ),
    "links": (
        "How links to Airflow open: pc_browser (a PC's browser), browser (a phone's too) or plain. Empty: pc_browser.",
        "browser",
        "",
    ),
    "timezone": (
        "Timezone of the times in alerts, as an IANA name. Empty: [core] default_timezone.",
        "Asia/Shanghai",
        "",
    ),
    "language": (
        "Language of built-in alerts where neither notifier nor connection names one: zh or en. Empty: zh.",
        "en",
        "",
    ),
}

# Airflow then also reads it from a command or a secrets backend, and never shows it.
_SENSITIVE = {"outbox_url"}


def get_provider_info() -> dict[str, Any]:
    """Provider metadata for every supported Airflow; unknown keys are ignored by older ones."""
    return {
        # With anything but the distribution's name here, Airflow doesn't start.
        "package-name": "airflow-provider-dingpush",
        "name": "DingTalk (dingpush)",
        "description": "DingTalk (钉钉): messages from any DAG, and alerts that report what failed and why. "
        "钉钉：从任意 DAG 发送消息，告警说明哪里失败、为什么失败。",
        "versions": [__version__],
        "connection-types": [
            _connection_type(ROBOT_FORM, "DingTalkRobotHook"),
            _connection_type(APP_FORM, "DingTalkAppHook"),
        ],
        "triggers": [
            {
                "integration-name": "DingTalk (dingpush)",
                "python-modules": ["airflow_provider_dingpush.triggers"],
            }
        ],
        "task-decorators": [
            {"name": "dingtalk", "class-name": "airflow_provider_dingpush.decorators.dingtalk_task"},
        ],
        "notifications": ["airflow_provider_dingpush.notifications.DingTalkNotifier"],
        "config": {
            "dingpush": {
                "description": "DingTalk messages and alerts of airflow-provider-dingpush.",
                "options": {
                    name: {
                        "description": description,
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": example,
                        "default": default,
                        "sensitive": name in _SENSITIVE,
                    }
                    for name, (description, example, default) in _OPTIONS.items()
                },
            }
        },
    }


def _connection_type(form: ConnectionForm, hook: str) -> dict[str, Any]:
    return {
        "connection-type": form.conn_type,
        "hook-class-name": f"airflow_provider_dingpush.hooks.{hook}",
        "hook-name": form.hook_name,
        "conn-fields": {
            each.name: {
                "label": each.shown_label,
                "description": each.description,
                "schema": dict(each.kind.schema),
            }
            for each in form.fields
        },
        "ui-field-behaviour": {key.replace("_", "-"): value for key, value in form.behaviour.items()},
    }
