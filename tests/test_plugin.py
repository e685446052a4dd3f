"""The plugin, as Airflow loads it: in every process, so it must cost nothing, and break nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import page_framework

HEAVY = {"requests", "urllib3", "redis", "yaml", "jinja2"}
OF_ITSELF = {"airflow_provider_dingpush", "airflow_provider_dingpush.plugin"}
LOADED = """
import json, sys
from airflow.plugins_manager import AirflowPlugin
import airflow.configuration
before = set(sys.modules)
from airflow_provider_dingpush.plugin import DingPushPlugin
DingPushPlugin.on_load()
print(json.dumps({
    "new": sorted(set(sys.modules) - before),
    "listeners": [each.__name__ for each in DingPushPlugin.listeners],
    "is_a_plugin": issubclass(DingPushPlugin, AirflowPlugin),
}))
"""
REGISTERED = """
import json
from airflow.listeners.listener import get_listener_manager
manager = get_listener_manager()
manager.pm.check_pending()  # raises for a hook that Airflow doesn't know
plugins = [each.__name__ for each in manager.pm.get_plugins() if hasattr(each, "__name__")]
ours = [name for name in plugins if name.startswith("airflow_provider_dingpush")]
print(json.dumps({"ours": ours, "has_listeners": manager.has_listeners}))
"""


def run(script: str, home: Path, **options: str) -> Any:
    """What a new process prints last, with these options of ``[dingpush]``."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        **{f"AIRFLOW__DINGPUSH__{name.upper()}": value for name, value in options.items()},
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("options", [{}, {"alert_conn_id": " ", "rules_file": ""}], ids=["unset", "empty"])
def test_without_its_options_it_costs_nothing(tmp_path: Path, options: dict[str, str]) -> None:
    """Airflow loads it in every process; it loads itself, and nothing of what alerts need."""
    loaded = run(LOADED, tmp_path, **options)
    assert set(loaded["new"]) <= OF_ITSELF
    assert loaded["listeners"] == []
    assert loaded["is_a_plugin"]


@pytest.mark.parametrize("option", ["alert_conn_id", "rules_file"])
def test_either_option_switches_it_on(tmp_path: Path, option: str) -> None:
    """The listeners themselves load what they need when they are called."""
    loaded = run(LOADED, tmp_path, **{option: "anything"})
    assert loaded["listeners"] == ["airflow_provider_dingpush.listeners"]
    ours = {name for name in loaded["new"] if name.startswith("airflow_provider_dingpush")}
    assert ours <= OF_ITSELF | {"airflow_provider_dingpush.listeners"}
    assert {name.partition(".")[0] for name in loaded["new"]} & HEAVY == set()


@pytest.mark.parametrize("configured", [True, False])
def test_airflow_registers_the_listeners_only_if_configured(tmp_path: Path, configured: bool) -> None:
    """Any listener at all has Airflow refuse DAGs with ``end_from_trigger=True``."""
    options = {"alert_conn_id": "dingtalk_default"} if configured else {}
    registered = run(REGISTERED, tmp_path, **options)
    assert registered["ours"] == (["airflow_provider_dingpush.listeners"] if configured else [])
    assert registered["has_listeners"] is configured


def test_an_exception_of_the_configuration_breaks_no_process(tmp_path: Path) -> None:
    """It would be shown as an error of the plugin, or on Airflow 2 end the process."""
    script = LOADED.replace(
        "DingPushPlugin.on_load()",
        "def broken(*_, **__): raise RuntimeError('no such backend')\n"
        "airflow.configuration.conf.get = broken\n"
        "DingPushPlugin.on_load()",
    )
    assert run(script, tmp_path, alert_conn_id="dingtalk_default")["listeners"] == []


PARTS = """
import json, sys
from airflow.plugins_manager import AirflowPlugin
from airflow_provider_dingpush.plugin import DingPushPlugin
plugin = DingPushPlugin()
plugin.on_load()
plugin.validate()
before = {each.partition(".")[0] for each in sys.modules}
parts = {name: getattr(plugin, name) for name in ("external_views", "fastapi_apps", "appbuilder_views")}
again = all(getattr(plugin, name) is parts[name] for name in parts)
shown = {name: [sorted(each) for each in value] for name, value in parts.items()}
print(json.dumps({"parts": shown, "again": again}))
"""


def test_the_page_is_made_when_a_web_server_reads_it(tmp_path: Path) -> None:
    """In the way of this Airflow only: a list of another would have it start parts that nobody needs."""
    found = run(PARTS, tmp_path)
    view, app, old_view = (
        ["category", "destination", "href", "name"],
        ["app", "name", "url_prefix"],
        ["category", "label", "name", "view"],
    )
    expected = {
        "fastapi": {"external_views": [view], "fastapi_apps": [app], "appbuilder_views": []},
        "flask": {"external_views": [], "fastapi_apps": [], "appbuilder_views": [old_view]},
    }
    assert found["parts"] == expected[page_framework()]
    assert found["again"]  # Airflow removes from these lists what it refuses


def test_a_page_that_cannot_be_made_breaks_no_web_server(tmp_path: Path) -> None:
    broken = "import sys\nsys.modules['airflow_provider_dingpush.page_parts'] = None\n"
    found = run(broken + PARTS, tmp_path)
    assert found["parts"] == {"external_views": [], "fastapi_apps": [], "appbuilder_views": []}


WITHOUT_WEB_SERVER = """
import json, sys
import airflow.plugins_manager
from airflow.listeners.listener import get_listener_manager
managers, listeners = [airflow.plugins_manager], [get_listener_manager]
try:
    import airflow.sdk.execution_time.task_runner as runner
    import airflow.sdk.plugins_manager
    managers.append(airflow.sdk.plugins_manager)
    listeners.append(runner.get_listener_manager)
except (ImportError, AttributeError):
    pass
# What the scheduler, DAG processors, the triggerer and tasks ask of plugins; each version has some of these.
PARTS = ("ensure_plugins_loaded", "integrate_macros_plugins", "initialize_timetables_plugins", "get_timetables_plugins")
PARTS += ("initialize_ti_deps_plugins", "initialize_extra_operators_links_plugins", "get_operator_extra_links")
parts = {(manager.__name__, name): getattr(manager, name, None) for manager in managers for name in PARTS}
for part in [*filter(None, parts.values()), *listeners]:
    part()
print(json.dumps([each for each in sys.modules if each.startswith("airflow_provider_dingpush")]))
"""


def test_only_a_web_server_loads_the_page(tmp_path: Path) -> None:
    """No process of the scheduler, of a DAG file or of a task loads anything of it."""
    (tmp_path / "plugins").mkdir()
    text = "from airflow_provider_dingpush.plugin import DingPushPlugin\n"
    (tmp_path / "plugins" / "dingpush.py").write_text(text)
    loaded = run(WITHOUT_WEB_SERVER, tmp_path, alert_conn_id="dingtalk_default")
    assert {"airflow_provider_dingpush.plugin", "airflow_provider_dingpush.listeners"} <= set(loaded)
    names = {each.removeprefix("airflow_provider_dingpush.") for each in loaded}
    assert not {each for each in names if each.startswith(("web", "page_", "pipeline.page_"))}
