"""What the web server answers about the page: the same on Airflow 2 and 3, whose frameworks differ."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_dingpush.pipeline.composing import default_language
from airflow_provider_dingpush.pipeline.page_actions import PageResult, act
from airflow_provider_dingpush.pipeline.page_state import read_state
from airflow_provider_dingpush.web.rendering import render_denial, render_page
from airflow_provider_dingpush.web.words import LANGUAGES

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.page_state import Visitor
    from airflow_provider_dingpush.web.tokens import FormTokens

LANGUAGE_COOKIE = "dingpush_language"
MOST_FORM_BYTES = 20_000
_READ_SECONDS = 20.0
_MOST_CHARACTERS = 300
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)
_COOKIE_SECONDS = 366 * 86_400
_HTML, _CSS = "text/html; charset=utf-8", "text/css; charset=utf-8"
_STYLE = resources.files(__package__) / "style.css"

# Nothing from elsewhere is loaded, no script runs, and only pages of Airflow itself may frame the page.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class PageRequest:
    """What the page needs of a request.

    :param query: of its URL.
    :param language_cookie: the language that the user has chosen.
    :param accept_language: the header of this name.
    :param fetch_site: the header ``Sec-Fetch-Site``, with which browsers say which site a request comes from.
    :param airflow_url: of Airflow's UI, as a path.
    :param framework_token: the form token of the web framework, if it has its own.
    """

    query: Mapping[str, str] = field(default_factory=dict)
    language_cookie: str | None = None
    accept_language: str | None = None
    fetch_site: str | None = None
    airflow_url: str = "../"
    framework_token: str | None = None

    @property
    def language(self) -> str:
        """``zh`` or ``en``: as the user chose, or else as the browser asks for."""
        for chosen in (self.query.get("language"), self.language_cookie):
            if chosen is not None and chosen in LANGUAGES:
                return chosen
        return _accepted(self.accept_language or "") or default_language()


@dataclass(frozen=True)
class PageAnswer:
    """What is answered.

    :param status: the HTTP status.
    :param body: of the answer.
    :param content_type: of the body.
    :param location: where the browser goes on, relative to this page.
    :param chosen_language: to be remembered in a cookie.
    """

    status: int
    body: bytes = b""
    content_type: str = _HTML
    location: str | None = None
    chosen_language: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """All headers but those of cookies."""
        return {**_HEADERS, **({"Location": self.location} if self.location else {})}

    @property
    def cookie(self) -> dict[str, Any]:
        """The arguments of ``set_cookie`` for the language; empty if there is none to remember."""
        if self.chosen_language is None:
            return {}
        about = {"max_age": _COOKIE_SECONDS, "httponly": True, "samesite": "Lax"}
        return {"key": LANGUAGE_COOKIE, "value": self.chosen_language, **about}


def answer_page(request: PageRequest, visitor: Visitor, tokens: FormTokens) -> PageAnswer:
    """The page, for a user who may see it."""
    state = read_state(visitor, time.monotonic() + _READ_SECONDS, _wanted(request.query) or None)
    result = next((each for each in PageResult if each.value == request.query.get("result")), None)
    body = render_page(
        state,
        language=request.language,
        user=visitor.name,
        token=tokens.token(visitor.user_id),
        framework_token=request.framework_token,
        result=result,
        airflow_url=request.airflow_url,
        now=time.time(),
    )
    chosen = request.query.get("language")
    return PageAnswer(200, body.encode("utf-8", "replace"), chosen_language=chosen if chosen in LANGUAGES else None)


def answer_form(request: PageRequest, form: Mapping[str, str], visitor: Visitor, tokens: FormTokens) -> PageAnswer:
    """What follows a button of the page: the page again, with a line about it."""
    is_foreign = request.fetch_site not in (None, "same-origin")
    if is_foreign or not tokens.is_valid(form.get("token", ""), visitor.user_id):
        result = PageResult.OUTDATED
    else:
        result = act(form, visitor, time.monotonic() + _READ_SECONDS)
    if result in _REFUSED:
        body = render_denial(f"result_{result.value}", language=request.language, url="./")
        return PageAnswer(_REFUSED[result], body.encode("utf-8", "replace"))
    wanted = _wanted(form)
    query = {"result": result.value, **({"incident": wanted} if wanted else {})}
    return PageAnswer(303, location=f"./?{urlencode(query)}")


_REFUSED = {PageResult.FORBIDDEN: 403, PageResult.OUTDATED: 403, PageResult.WRONG: 400}


def answer_denial(request: PageRequest, *, is_signed_in: bool) -> PageAnswer:
    """What is answered to somebody who may not see the page."""
    name = "no_access" if is_signed_in else "no_login"
    body = render_denial(name, language=request.language, url=request.airflow_url)
    return PageAnswer(403 if is_signed_in else 401, body.encode())


def answer_login(request: PageRequest, page_path: str) -> PageAnswer:
    """The way to Airflow's login, and from there back to this page.

    :param page_path: the path of this page, as browsers reach it.
    """
    wanted, chosen = _wanted(request.query), request.query.get("language")
    # Airflow 3.0 puts this behind "?next=" as it is, so that it may have one value only.
    query = f"?incident={wanted}" if _PLAIN.fullmatch(wanted) else ""
    back = quote(f"{page_path}{query}", safe="")
    chosen = chosen if chosen in LANGUAGES else None
    return PageAnswer(302, location=f"../auth/login?next={back}", chosen_language=chosen)


def answer_style() -> PageAnswer:
    """The style sheet."""
    return PageAnswer(200, _STYLE.read_bytes(), _CSS)


def _wanted(values: Mapping[str, str]) -> str:
    """The one incident that the page is about; empty if it is about all."""
    return values.get("incident", "")[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()


def _accepted(header: str) -> str | None:
    """The language that a browser prefers among those of the page; ``None`` if it wants neither."""
    wanted: list[tuple[float, str]] = []
    for each in header[:500].split(","):
        name, _, weight = each.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES and quality > 0:
            wanted.append((quality, language))
    return max(wanted, key=lambda each: each[0])[1] if wanted else None
