"""The page as an app of Airflow 3, with its own auth manager: who sees it, and who may press its buttons."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_dingpush.airflow_compat import airflow_version, page_framework
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from tests.web.page_data import failed

pytestmark = pytest.mark.skipif(page_framework() != "fastapi", reason="the page of Airflow 3")


class Browser:
    """Calls an app without a server, and keeps its cookies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._cookies: Any = {}

    def _call(self, method: str, path: str, **more: Any) -> Any:
        import httpx  # a dependency of Airflow 3

        async def call() -> Any:
            transport = httpx.ASGITransport(self._app)
            headers = {"Accept-Language": "en", **more.pop("headers", {})}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", cookies=self._cookies, headers=headers
            ) as client:
                answer = await client.request(method, path, **more)
                self._cookies = client.cookies
                return answer

        return asyncio.run(call())

    def get(self, path: str, **more: Any) -> Any:
        return self._call("GET", path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self._call("POST", path, **more)


Open = Callable[[str | None], Browser]


@pytest.fixture
def signed_in(outbox_home: Path, callback_process: None, unhurried: None) -> Open:
    """A browser of a user with a role of Airflow's simple auth manager."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # svcs, which Airflow loads, loads a module that warns of itself
        from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user

    from airflow_provider_dingpush.page_airflow_3 import create_app

    create_auth_manager()

    def open_as(role: str | None) -> Browser:
        app = create_app()
        app.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="ann", role=role)
        return Browser(app)

    return open_as


def token_in(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def test_without_a_role_nothing_is_seen(signed_in: Open) -> None:
    failed("secret_dag")
    answer = signed_in(None).get("/")
    assert answer.status_code == 403
    assert "secret_dag" not in answer.text
    assert signed_in(None).post("/act", data={"action": "claim"}).status_code == 403


def test_a_viewer_reads_and_can_do_nothing(signed_in: Open) -> None:
    failed("sales")
    viewer = signed_in("viewer")
    page = viewer.get("/")
    assert page.status_code == 200
    assert "sales · load" in page.text
    assert "<form" not in page.text
    token = token_in(signed_in("admin").get("/").text)
    [incident] = incidents_in(outbox())
    done = viewer.post("/act", data={"action": "claim", "id": incident.id, "token": token})
    assert done.status_code == 403
    [incident] = incidents_in(outbox())
    assert incident.claim is None


@pytest.mark.parametrize("role", ["user", "op", "admin"])
def test_who_may_edit_dags_claims(signed_in: Open, role: str) -> None:
    failed("sales")
    client = signed_in(role)
    [incident] = incidents_in(outbox())
    form = {"action": "claim", "id": incident.id, "token": token_in(client.get("/").text)}
    assert client.post("/act", data={**form, "token": ""}).status_code == 403
    assert client.post("/act", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    done = client.post("/act", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (done.status_code, done.headers["location"]) == (303, "./?result=claimed")
    [incident] = incidents_in(outbox())
    assert incident.claim is not None
    assert incident.claim.by == "ann"


def test_a_form_has_an_end(signed_in: Open) -> None:
    client = signed_in("admin")
    assert client.post("/act", content=b"action=" + b"x" * 30_000).status_code == 413
    assert client.post("/act", content=b"&".join(b"a%d=1" % number for number in range(100))).status_code == 400
    assert client.post("/act", content=b"action=claim&action=retry&id=").status_code == 403
    assert client.post("/act", content=b"\xff\xfe=\xff&token=%ff").status_code == 403
    assert client.get("/act").status_code == 405
    assert client.get("/openapi.json").status_code == 404


def test_the_language_is_kept_in_a_cookie(signed_in: Open) -> None:
    client = signed_in("viewer")
    assert "<title>DingTalk alerts" in client.get("/").text
    answer = client.get("/?language=zh")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "<title>钉钉告警" in client.get("/").text


@pytest.fixture
def unknown(signed_in: Open) -> Browser:
    """The browser of somebody who has to sign in."""
    from airflow_provider_dingpush.page_airflow_3 import create_app

    return Browser(create_app())


def test_who_is_not_signed_in_is_sent_to_the_login_once(unknown: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """From which Airflow leads back; a login that doesn't help isn't tried for ever."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/data/")
    html = {"Accept": "text/html,*/*;q=0.8"}
    assert unknown.get("/").status_code == 401
    assert unknown.post("/act", data={"action": "claim"}, headers=html).status_code == 401
    sent = unknown.get("/?incident=7f3a&language=zh", headers=html)
    assert sent.status_code == 302
    assert sent.headers["location"] == "../auth/login?next=%2Fdata%2Fdingpush%2F%3Fincident%3D7f3a"
    assert unknown.get("/", headers=html).status_code == 401


@pytest.mark.parametrize("wanted", ["a&next=//evil.example", "//evil.example", "\r\nX: y", "é"])
def test_the_login_leads_back_to_the_page_and_nowhere_else(unknown: Browser, wanted: str) -> None:
    sent = unknown.get(f"/?incident={quote(wanted)}", headers={"Accept": "text/html"})
    assert sent.headers["location"] == "../auth/login?next=%2Fdingpush%2F"


@pytest.mark.skipif(
    airflow_version() >= (3, 1), reason="Airflow 3.1 and later do this by themselves: install apache-airflow==3.0.6"
)
def test_the_cookie_of_the_login_says_who_it_is(unknown: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """On 3.0, too, whose API looks at a header only. One that nobody signed is worth nothing."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "0123456789abcdef" * 4)
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    failed("sales")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role="viewer"))
    assert "sales · load" in unknown.get("/", headers={"Cookie": f"_token={token}"}).text
    forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJyb2xlIjoiYWRtaW4ifQ."
    for bad in (forged, token[:-4], "é", ""):
        answer = unknown.get("/", headers={"Cookie": f"_token={bad}".encode()})
        assert answer.status_code in (401, 403)
        assert "sales" not in answer.text


def test_the_style_sheet_is_for_everybody(signed_in: Open) -> None:
    answer = signed_in(None).get("/style.css")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
