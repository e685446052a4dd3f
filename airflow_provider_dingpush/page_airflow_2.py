"""The page in Airflow's UI, as a view of Airflow 2's web server; open to whom Airflow's auth manager lets in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.auth.managers.models.resource_details import AccessView, DagDetails
from airflow.www.extensions.init_auth_manager import get_auth_manager
from flask import Response, redirect, request
from flask_appbuilder import BaseView, expose
from flask_wtf.csrf import generate_csrf

from airflow_provider_dingpush.airflow_compat import page_secret
from airflow_provider_dingpush.web.answers import (
    LANGUAGE_COOKIE,
    MOST_FORM_BYTES,
    PageAnswer,
    PageRequest,
    answer_denial,
    answer_form,
    answer_page,
    answer_style,
)
from airflow_provider_dingpush.web.permissions import DagPermissions
from airflow_provider_dingpush.web.tokens import FormTokens


class AirflowUser:
    """A user of Airflow who looks at the page, and what Airflow lets this user do."""

    def __init__(self) -> None:
        dags = DagPermissions(self._ask)
        self.may_read, self.may_edit = dags.may_read, dags.may_edit

    @cached_property
    def user_id(self) -> str:
        return str(get_auth_manager().get_user_id() if self.is_signed_in else "anonymous")

    @cached_property
    def name(self) -> str:
        return str(get_auth_manager().get_user_name() if self.is_signed_in else "anonymous")

    @cached_property
    def is_signed_in(self) -> bool:
        """Whether it is a user at all."""
        return bool(get_auth_manager().is_logged_in())

    @cached_property
    def may_see_page(self) -> bool:
        """Whether the user has Airflow's permission to see its jobs."""
        return bool(get_auth_manager().is_authorized_view(access_view=AccessView.JOBS))

    def _ask(self, method: Any, dag_id: str | None) -> bool:
        details = None if dag_id is None else DagDetails(id=dag_id)
        return bool(get_auth_manager().is_authorized_dag(method=method, details=details))


class DingPushView(BaseView):  # type: ignore[misc,unused-ignore]
    """The page. Flask-AppBuilder's own permissions are for its own auth manager only, so Airflow's are asked."""

    route_base = "/dingpush"
    default_view = "page"

    def __init__(self) -> None:
        super().__init__()
        self._tokens = FormTokens(page_secret())

    @expose("/")
    def page(self) -> Response:
        """The page; whoever isn't signed in is sent to Airflow's login."""
        user = AirflowUser()
        if not user.may_see_page:
            if not user.is_signed_in:
                return redirect(get_auth_manager().get_url_login(next_url=request.url))
            return _response(answer_denial(_read(), is_signed_in=True))
        return _response(answer_page(_read(generate_csrf()), user, self._tokens))

    @expose("/act", methods=("POST",))
    def act(self) -> Response:
        """A button of the page; Airflow has checked Flask-WTF's token before."""
        user = AirflowUser()
        if not user.may_see_page:
            return _response(answer_denial(_read(), is_signed_in=user.is_signed_in))
        if (request.content_length or 0) > MOST_FORM_BYTES:
            return Response(status=413)
        return _response(answer_form(_read(), request.form.to_dict(), user, self._tokens))

    @expose("/style.css")
    def style(self) -> Response:
        """The style sheet."""
        return _response(answer_style())


def _read(framework_token: str | None = None) -> PageRequest:
    return PageRequest(
        query=request.args.to_dict(),
        language_cookie=request.cookies.get(LANGUAGE_COOKIE),
        accept_language=request.headers.get("Accept-Language"),
        fetch_site=request.headers.get("Sec-Fetch-Site"),
        framework_token=framework_token,
    )


def _response(answer: PageAnswer) -> Response:
    response = Response(answer.body, answer.status, answer.headers, content_type=answer.content_type)
    if answer.chosen_language is not None:
        response.set_cookie(**answer.cookie)
    return response
