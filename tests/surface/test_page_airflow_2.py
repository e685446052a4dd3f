"""The page as a view of Airflow 2's web server, with its users and roles: who sees it, and who may use its buttons."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import has_own_plugin, page_framework

pytestmark = pytest.mark.skipif(
    page_framework() != "flask", reason="the page of Airflow 2 needs its web part: install apache-airflow<3"
)

# Prints what each user gets. A process of its own: the web server's app is made once, and reads its options then.
PROGRAM = """
import json, re, sys
sys.path.insert(0, {root!r})
from airflow.www.app import create_app
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from tests.web.page_data import failed

app = create_app(testing=False)
app.config["SESSION_COOKIE_SECURE"] = False
security = app.appbuilder.sm
with app.app_context():
    for name, role in (("ann", "Admin"), ("olga", "Op"), ("uma", "User"), ("vic", "Viewer"), ("pam", "Public")):
        security.add_user(name, name, name, f"{{name}}@example.com", security.find_role(role), password="pw")
failed("sales")
[incident] = incidents_in(outbox())
found = {{}}

def token_in(page, name):
    match = re.search(rf'name="{{name}}"[^>]* value="([^"]+)"', page)
    return match[1] if match else ""

def browser(name):
    client = app.test_client()
    if name:
        page = client.get("/login/").text
        client.post("/login/", data={{"username": name, "password": "pw", "csrf_token": token_in(page, "csrf_token")}})
    return client

# Flask-AppBuilder takes five logins within 40 seconds.
clients = {{name: browser(name) for name in ("", "ann", "olga", "uma", "vic", "pam")}}
pages = {{name: clients[name].get("/dingpush/").text for name in ("ann", "uma")}}
for name, client in clients.items():
    page = client.get("/dingpush/", headers={{"Accept-Language": "en"}})
    of_page = {{each: token_in(page.text, each) for each in ("csrf_token", "token")}}
    form = {{"action": "claim", "id": incident.id}}
    without = client.post("/dingpush/act", data=form)
    half = client.post("/dingpush/act", data={{**form, "csrf_token": of_page["csrf_token"]}})
    full = client.post("/dingpush/act", data={{**form, **of_page}})
    of_another = {{each: token_in(pages["uma" if name == "ann" else "ann"], each) for each in ("csrf_token", "token")}}
    stolen = client.post("/dingpush/act", data={{**form, **of_another}})
    [now] = incidents_in(outbox())
    found[name] = {{
        "status": page.status_code,
        "sees": "sales" in page.text,
        "buttons": "<form" in page.text,
        "posts": [each.status_code for each in (without, half, full, stolen)],
        "claimed_by": now.claim and now.claim.by,
        "location": full.headers.get("Location"),
        "login": "/login" in page.headers.get("Location", ""),
        "policy": page.headers.get("Content-Security-Policy"),
        "style": client.get("/dingpush/style.css").status_code,
        "menu": "DingTalk alerts" in client.get("/home").text,
    }}
    if now.claim:
        from airflow_provider_dingpush.pipeline.incidents import unclaim
        unclaim(outbox(), now)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Any:
    """What each user gets: of each role, and one who isn't signed in."""
    home = tmp_path_factory.mktemp("airflow")
    shutil.copy(migrated_database, home / "airflow.db")
    if not has_own_plugin("dingpush"):  # the package is only on the path
        (home / "plugins").mkdir()
        (home / "plugins" / "dingpush.py").write_text("from airflow_provider_dingpush.plugin import DingPushPlugin\n")
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM.format(root=root)],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DINGPUSH__HOME": str(home / "dingpush"),
            "AIRFLOW__DINGPUSH__LANGUAGE": "en",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": os.pathsep.join([root, *sys.path]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_whoever_is_not_signed_in_is_sent_to_the_login(found: Any) -> None:
    nobody = found[""]
    assert (nobody["status"], nobody["login"], nobody["sees"]) == (302, True, False)
    assert nobody["claimed_by"] is None


def test_without_a_permission_nothing_is_seen(found: Any) -> None:
    public = found["pam"]
    assert (public["status"], public["sees"], public["claimed_by"]) == (403, False, None)
    assert public["posts"] == [400, 400, 400, 400]


def test_a_viewer_reads_and_can_do_nothing(found: Any) -> None:
    viewer = found["vic"]
    assert (viewer["status"], viewer["sees"], viewer["buttons"], viewer["claimed_by"]) == (200, True, False, None)


@pytest.mark.parametrize("name", ["uma", "olga", "ann"])
def test_who_may_edit_dags_claims(found: Any, name: str) -> None:
    """With both tokens of the form, of this session; Flask-WTF refuses a form without its own."""
    user = found[name]
    assert (user["status"], user["sees"], user["buttons"], user["claimed_by"]) == (200, True, True, name)
    assert user["posts"] == [400, 403, 303, 400]
    assert user["location"].endswith("/dingpush/?result=claimed") or user["location"] == "./?result=claimed"


def test_headers_and_style(found: Any) -> None:
    for user in found.values():
        assert user["style"] == 200
    assert "default-src 'none'" in found["ann"]["policy"]
    assert found["ann"]["menu"]
