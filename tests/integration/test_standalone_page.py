"""The page in the UI of a real Airflow, in a real browser: wide, on a phone, its buttons, and for whom it isn't."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from airflow_provider_dingpush.airflow_compat import airflow_version, has_own_plugin, page_framework
from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.pipeline import routes
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.silences import silences_in
from airflow_provider_dingpush.sandbox import Sandbox
from tests.integration.standalone_airflow import START_SECONDS, free_ports
from tests.sandbox.test_page import CHROMEDRIVER, CHROMIUM, browser
from tests.web.baselines_of_today import BASELINES, note_runs, write_baselines
from tests.web.page_data import EVIL, fill

__all__ = ["browser"]

pytestmark = [
    pytest.mark.standalone,
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None,
        reason="needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)",
    ),
]

# nina has no role: nothing of Airflow is open to her. What dan may see is open to him with FAB's auth manager only.
ROLES = {"ann": "Admin", "uma": "User", "vic": "Viewer", "nina": "Public", "dan": "Limited"}
ADD_USERS = """
import json, sys

def add(security):
    limited = security.add_role("Limited")
    for action, resource in (("can_read", "Jobs"), ("can_read", "DAG:evil"), ("can_read", "DAG:finance_daily"),
                             ("can_edit", "DAG:finance_daily")):
        security.add_permission_to_role(limited, security.create_permission(action, resource))
    for name, role in json.loads(sys.argv[1]).items():
        assert security.add_user(name, name, name, f"{name}@example.com", security.find_role(role), password="pw")

try:
    from airflow.www.app import create_app
except ImportError:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    with get_application_builder() as builder:
        builder.sm.sync_roles()
        add(builder.sm)
else:
    app = create_app()
    with app.app_context():
        add(app.appbuilder.sm)
"""
FAB_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SIMPLE_ROLES = ("admin", "user", "viewer")
SIMPLE, FAB = "simple", "fab"


def auth_managers() -> list[str]:
    """Those that this Airflow has: Airflow 2 has FAB's only, and Airflow 3 its own, and FAB's with its provider."""
    if page_framework() == "flask":
        return [FAB]
    return [SIMPLE, FAB] if has_module("airflow.providers.fab") else [SIMPLE]


def has_module(name: str) -> bool:
    with suppress(ModuleNotFoundError):
        return find_spec(name) is not None
    return False


OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
TEXT = "return document.body.innerText"
BUTTON = "return [...document.querySelectorAll('tr')].find((row) => row.innerText.includes(arguments[0]))\
.querySelector(`button.${arguments[1]}`)"


@dataclass
class WebServer:
    """The web server of an Airflow, without its other parts.

    :param url: of it.
    :param home: of Airflow.
    :param auth_manager: of Airflow.
    :param cookies: of each user who has signed in.
    """

    url: str
    home: Path
    auth_manager: str
    cookies: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def sign_in(self, browser: Any, name: str) -> None:
        """Have the browser be this user's."""
        browser.get(f"{self.url}/dingpush/style.css")
        browser.delete_all_cookies()
        for cookie in self.cookies_of(name):
            browser.add_cookie({**cookie, "path": "/"})

    def cookies_of(self, name: str) -> list[dict[str, str]]:
        """What a browser keeps of a user who has signed in: once, as Flask-AppBuilder takes five logins a minute."""
        if name not in self.cookies:
            self.cookies[name] = self._signed_in(name)
        return self.cookies[name]

    def _signed_in(self, name: str) -> list[dict[str, str]]:
        if page_framework() == "fastapi":
            answer = requests.post(f"{self.url}/auth/token", json={"username": name, "password": "pw"}, timeout=60)
            assert answer.ok, answer.text
            return [{"name": "_token", "value": answer.json()["access_token"]}]
        with requests.Session() as session:
            page = session.get(f"{self.url}/login/", timeout=60).text
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
            assert found
            form = {"username": name, "password": "pw", "csrf_token": found[1]}
            # Airflow's home page, to which it leads, has a 403 for those without any role.
            answer = session.post(f"{self.url}/login/", data=form, timeout=60, allow_redirects=False)
            assert answer.is_redirect, answer.text
            assert "/login" not in answer.headers["Location"]
            return [{"name": each.name, "value": each.value or ""} for each in session.cookies]


@pytest.fixture(scope="module")
def connected_once() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=auth_managers())
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    migrated_database: Path,
    connected_once: Sandbox,
) -> Iterator[WebServer]:
    """A web server whose outbox has one of each, and users of several roles."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copy(migrated_database, home / "airflow.db")
    environment = _environment(home)
    if request.param == FAB:
        if page_framework() == "fastapi":
            environment["AIRFLOW__CORE__AUTH_MANAGER"] = FAB_MANAGER
            # A database that was migrated before lacks the table of sessions on 3.0.
            environment["AIRFLOW__FAB__SESSION_BACKEND"] = "securecookie"
            _run(["-m", "airflow", "db", "migrate"], environment)  # its tables
        _run(["-c", ADD_USERS, json.dumps(ROLES)], environment)
    with pytest.MonkeyPatch.context() as env:
        for name in ("AIRFLOW__DINGPUSH__HOME", "AIRFLOW__DINGPUSH__RULES_FILE"):
            env.setenv(name, environment[name])
        env.setattr(routes, "_known", {})
        env.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", f"{connected_once.webhook_url}&group_interval_seconds=0")
        now = time.time()
        write_baselines(home, now)
        note_runs(now)
        fill(connected_once)
        with _running(home, environment) as url:
            yield WebServer(url, home, request.param)


def _environment(home: Path) -> dict[str, str]:
    if not has_own_plugin("dingpush"):  # the package is only on the path
        (home / "plugins").mkdir()
        (home / "plugins" / "dingpush.py").write_text("from airflow_provider_dingpush.plugin import DingPushPlugin\n")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(ROLES, "pw")))
    users = ",".join(f"{name}:{role.lower()}" for name, role in ROLES.items() if role.lower() in SIMPLE_ROLES)
    options = {
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "DINGPUSH__HOME": str(home / "dingpush"),
        "DINGPUSH__TIMEZONE": "Asia/Shanghai",
        "DINGPUSH__RULES_FILE": str(home / "rules.yaml"),
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        "AIRFLOW_HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "ignore",
    }


@contextmanager
def _running(home: Path, environment: dict[str, str]) -> Iterator[str]:
    [port] = free_ports(1)
    is_new = page_framework() == "fastapi"
    words = ["api-server", "--host", "127.0.0.1"] if is_new else ["webserver", "--hostname", "127.0.0.1"]
    # A worker of Airflow 2 serves one connection at a time, and a browser opens some in advance.
    workers = "1" if is_new else "6"
    command = [sys.executable, "-m", "airflow", *words, "--port", str(port), "--workers", workers]
    url = f"http://127.0.0.1:{port}"
    log = home / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        try:
            until = time.monotonic() + START_SECONDS
            while not _answers(f"{url}/dingpush/style.css"):
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < until, log.read_text()[-4000:]
                time.sleep(0.5)
            yield url
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    program = [sys.executable, *arguments]
    done = subprocess.run(program, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=30).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def _open(browser: Any, server: WebServer, *, width: int = 1200, language: str = "en") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"{server.url}/dingpush/?language={language}")


def _press(browser: Any, row: str, button: str, then: str) -> None:
    """Press a button of a row, and wait for what the page says then."""
    browser.execute_script(BUTTON, row, button).click()
    WebDriverWait(browser, START_SECONDS).until(lambda _: then in browser.execute_script(TEXT))


@pytest.mark.parametrize("width", [1440, 1000, 390])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_is_readable_wide_and_on_a_phone(browser: Any, server: WebServer, width: int, language: str) -> None:
    """Nothing sticks out, nothing is loaded from elsewhere, and nothing of a text is run."""
    server.sign_in(browser, "ann")
    browser.get_log("browser")  # of pages before
    _open(browser, server, width=width, language=language)
    text = browser.execute_script(TEXT)
    for each in ("orders_daily · check_amounts", "dingtalk_default", "wangwu", EVIL, *BASELINES):
        assert each in text
    for outlook in Outlook:
        assert outlook.in_language(language) in text
    assert ("Open incidents" in text) is (language == "en")
    assert ("未恢复的故障" in text) is (language == "zh")
    assert browser.execute_script(OVERFLOW) <= 0
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('img, iframe, [onerror]').length") == 0
    smallest = "return Math.min(...[...document.querySelectorAll('button')].map((one) => one.offsetHeight))"
    assert browser.execute_script(smallest) >= (44 if width < 500 else 30)
    assert browser.get_log("browser") == []


def test_a_phone_claims_silences_and_sends_again(browser: Any, server: WebServer) -> None:
    server.sign_in(browser, "uma")
    _open(browser, server, width=390)
    _press(browser, "users_hourly", "claim", "Claimed.")
    _press(browser, "users_hourly", "silence", "Silenced.")
    _press(browser, "dag_id=users_hourly", "end_silence", "The silence is over")
    _press(browser, "users_hourly", "unclaim", "Given back")
    _press(browser, "can't be composed", "retry", "next flush")
    assert "No dead letters." in browser.execute_script(TEXT)
    assert {each.what for each in silences_in(outbox())} == {"dag_id=dev_*"}


def test_a_link_to_an_incident_leads_through_the_login(browser: Any, server: WebServer) -> None:
    """And back to this incident, also on a phone that isn't signed in."""
    browser.get(f"{server.url}/dingpush/style.css")
    browser.delete_all_cookies()
    incident = next(each for each in incidents_in(outbox()) if each.failure.dag_id == "evil")
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"{server.url}/dingpush/?incident={incident.id}")
    wait = WebDriverWait(browser, START_SECONDS)
    wait.until(lambda _: browser.find_elements(By.NAME, "username"))
    browser.find_element(By.NAME, "username").send_keys("uma")
    browser.find_element(By.NAME, "password").send_keys("pw", Keys.ENTER)
    wait.until(lambda _: "/dingpush/" in browser.current_url and incident.short_id in browser.execute_script(TEXT))
    text = browser.execute_script(TEXT)
    assert "evil · inject" in text
    assert "orders_daily" not in text
    _press(browser, "evil", "claim", "Claimed.")
    _press(browser, "evil", "unclaim", "Given back")
    assert "orders_daily" not in browser.execute_script(TEXT)


def test_a_viewer_sees_it_without_buttons(browser: Any, server: WebServer) -> None:
    server.sign_in(browser, "vic")
    _open(browser, server)
    assert "orders_daily" in browser.execute_script(TEXT)
    assert browser.execute_script("return document.querySelectorAll('form, button').length") == 0


def test_who_may_read_some_dags_sees_nothing_of_others(browser: Any, server: WebServer) -> None:
    """Neither their incidents nor their baselines, silences and dead letters."""
    if server.auth_manager != FAB:
        pytest.skip(
            "Airflow's simple auth manager has no permissions of single DAGs: install apache-airflow-providers-fab"
        )
    server.sign_in(browser, "dan")
    _open(browser, server)
    text = browser.execute_script(TEXT)
    for each in ("evil · inject", "finance_daily: running since"):
        assert each in text
    for each in ("orders_daily", "users_hourly", "etl_daily", "dev_*", "inventory", "sales report"):
        assert each not in text
    assert browser.execute_script("return document.querySelectorAll('form, button').length") == 0


@pytest.mark.parametrize("name", ["nina", None])
def test_nobody_else_sees_anything(server: WebServer, name: str | None) -> None:
    """Not even whether there is an incident: without a permission, a login, or with a made-up one."""
    cookies: dict[str, str] = {}
    if name is not None and server.auth_manager == FAB:
        cookies = {each["name"]: each["value"] for each in server.cookies_of(name)}
    elif name is not None:
        cookies = {"_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJyb2xlIjoiYWRtaW4ifQ."}
    page = requests.get(f"{server.url}/dingpush/", cookies=cookies, timeout=60, allow_redirects=False)
    assert page.status_code in (401, 403) or "login" in page.headers["Location"]
    assert "orders_daily" not in page.text
    [incident] = [each for each in incidents_in(outbox()) if each.failure.dag_id == "evil"]
    form = {"action": "claim", "id": incident.id}
    done = requests.post(f"{server.url}/dingpush/act", data=form, cookies=cookies, timeout=60, allow_redirects=False)
    assert done.status_code in (400, 401, 403)
    assert next(each for each in incidents_in(outbox()) if each.id == incident.id).claim is None


def test_a_form_of_another_site_does_nothing(browser: Any, server: WebServer, tmp_path: Path) -> None:
    """Sent by the browser of somebody who is signed in, with a link that was clicked."""
    server.sign_in(browser, "ann")
    [incident] = [each for each in incidents_in(outbox()) if each.failure.dag_id == "evil"]
    page = tmp_path / "evil.html"
    page.write_text(
        f'<form method="post" action="{server.url}/dingpush/act"><input name="action" value="claim">'
        f'<input name="id" value="{incident.id}"><button>win</button></form>'
    )
    browser.get(page.as_uri())
    browser.execute_script("document.querySelector('button').click()")
    WebDriverWait(browser, START_SECONDS).until(lambda _: browser.current_url.startswith(server.url))
    text = browser.execute_script(TEXT)
    assert "Claimed." not in text
    assert next(each for each in incidents_in(outbox()) if each.id == incident.id).claim is None


def test_airflow_has_a_way_to_it(browser: Any, server: WebServer) -> None:
    """An entry of the menu, which its own UI shows."""
    cookies = {each["name"]: each["value"] for each in server.cookies_of("ann")}
    if page_framework() == "flask":
        assert "/dingpush/" in requests.get(f"{server.url}/home", cookies=cookies, timeout=60).text
        return
    headers = {"Authorization": f"Bearer {cookies['_token']}"}
    assert requests.get(f"{server.url}/dingpush/", cookies=cookies, timeout=60).ok
    if airflow_version() < (3, 1):  # 3.0 has the page at its address only
        return
    plugins = requests.get(f"{server.url}/api/v2/plugins", headers=headers, timeout=60).json()["plugins"]
    [views] = [each["external_views"] for each in plugins if each["name"] == "dingpush"]
    assert [each["href"] for each in views] == ["dingpush/"]
