"""The page in Airflow's UI, as an app of Airflow 3; Airflow protects no app of a plugin by itself."""

from __future__ import annotations

from functools import cached_property
from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from airflow_provider_dingpush.airflow_compat import airflow_option, attribute_of, page_secret
from airflow_provider_dingpush.alerts.airflow_site import PAGE_PATH
from airflow_provider_dingpush.web.answers import (
    LANGUAGE_COOKIE,
    MOST_FORM_BYTES,
    PageAnswer,
    PageRequest,
    answer_denial,
    answer_form,
    answer_login,
    answer_page,
    answer_style,
)
from airflow_provider_dingpush.web.permissions import DagPermissions
from airflow_provider_dingpush.web.tokens import FormTokens

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# Remembers for a moment that the user was sent to the login, so that a login that doesn't help isn't tried for ever.
_SENT_TO_LOGIN, _SENT_SECONDS = "dingpush_login", 60
_MOST_FIELDS = 20


class AirflowUser:
    """A user of Airflow who looks at the page, and what Airflow lets this user do.

    :param user: as Airflow's auth manager knows it.
    """

    def __init__(self, user: Any) -> None:
        self._user = user
        dags = DagPermissions(self._ask)
        self.may_read, self.may_edit = dags.may_read, dags.may_edit

    @property
    def user_id(self) -> str:
        return str(self._user.get_id())

    @property
    def name(self) -> str:
        return str(self._user.get_name())

    @cached_property
    def may_see_page(self) -> bool:
        """Whether the user has Airflow's permission to see its jobs."""
        return bool(get_auth_manager().is_authorized_view(access_view=AccessView.JOBS, user=self._user))

    def _ask(self, method: Any, dag_id: str | None) -> bool:
        details = None if dag_id is None else DagDetails(id=dag_id, **_team_of(dag_id))
        return bool(get_auth_manager().is_authorized_dag(method=method, details=details, user=self._user))


def _team_of(dag_id: str) -> dict[str, Any]:
    """The team of a DAG, if this Airflow has teams (3.2): its permissions may depend on it."""
    if (airflow_option("core", "multi_team") or "").lower() not in ("true", "t", "1"):
        return {}
    from airflow.models.dag import DagModel

    find = attribute_of(DagModel, "get_team_name")
    return {} if find is None else {"team_name": find(dag_id)}


def _visitor(user: GetUserDep) -> AirflowUser:
    visitor = AirflowUser(user)
    if not visitor.may_see_page:
        raise HTTPException(403)
    return visitor


async def _form(request: Request) -> dict[str, str]:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM_BYTES:
            raise HTTPException(413)
    try:
        return dict(parse_qsl(content.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise HTTPException(400) from None


class _LoginCookie:
    """Lets Airflow 3.0 find the user: it looks for the login in a header only, which a browser doesn't send.

    Its own UI moves the login from the cookie into that header, unless its scripts have one already
    (``api_fastapi/core_api/security.py`` and ``ui/dist`` of 3.0.6, read 2026-11-28).

    :param app: that asks for the user.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            token = request.cookies.get(COOKIE_NAME_JWT_TOKEN)
            if token and "authorization" not in request.headers:
                header = (b"authorization", f"Bearer {token}".encode("latin-1", "replace"))
                scope = {**scope, "headers": [*scope["headers"], header]}
        await self._app(scope, receive, send)


_User = Annotated[AirflowUser, Depends(_visitor)]
_Form = Annotated[dict[str, str], Depends(_form)]


def create_app() -> FastAPI:
    """The app; without a description of its routes, which are for browsers."""
    app = FastAPI(title="dingpush", openapi_url=None)
    tokens = FormTokens(page_secret())
    if "request" not in signature(get_user).parameters:
        app.add_middleware(_LoginCookie)

    @app.get("/")
    def page(request: Request, user: _User) -> Response:
        return _response(answer_page(_read(request), user, tokens))

    @app.post("/act")
    def act(request: Request, user: _User, form: _Form) -> Response:
        return _response(answer_form(_read(request), form, user, tokens))

    @app.get("/style.css")
    def style() -> Response:
        return _response(answer_style())

    @app.exception_handler(StarletteHTTPException)
    async def denial(request: Request, problem: StarletteHTTPException) -> Response:
        if problem.status_code not in (401, 403):
            return Response(status_code=problem.status_code, headers=problem.headers)
        is_signed_in = problem.status_code == 403
        if is_signed_in or not _is_visit(request) or _SENT_TO_LOGIN in request.cookies:
            return _response(answer_denial(_read(request), is_signed_in=is_signed_in))
        response = _response(answer_login(_read(request), _page_path()))
        response.set_cookie(_SENT_TO_LOGIN, "1", max_age=_SENT_SECONDS, httponly=True, samesite="lax")
        return response

    return app


def _is_visit(request: Request) -> bool:
    """Whether a browser opens the page, and so can show a login."""
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _page_path() -> str:
    """The path of this page, as browsers reach it: a proxy in front of Airflow may take a part of it away."""
    try:
        path = urlsplit(airflow_option("api", "base_url") or "").path
    except ValueError:
        path = ""
    return f"{path.rstrip('/')}{PAGE_PATH}/"


def _read(request: Request) -> PageRequest:
    return PageRequest(
        query=dict(request.query_params),
        language_cookie=request.cookies.get(LANGUAGE_COOKIE),
        accept_language=request.headers.get("accept-language"),
        fetch_site=request.headers.get("sec-fetch-site"),
    )


def _response(answer: PageAnswer) -> Response:
    response = Response(answer.body, answer.status, answer.headers, answer.content_type)
    if answer.chosen_language is not None:
        response.set_cookie(**answer.cookie)
    return response
