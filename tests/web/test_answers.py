"""What is answered about the page: in whose language, to whom, and after which form."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.web.answers import (
    PageAnswer,
    PageRequest,
    answer_denial,
    answer_form,
    answer_page,
    answer_style,
)
from airflow_provider_dingpush.web.tokens import FormTokens
from tests.web.page_data import Anybody, failed

TOKENS = FormTokens(b"secret")


def page(visitor: Anybody | None = None, **request: Any) -> str:
    answer = answer_page(PageRequest(**request), visitor or Anybody(), TOKENS)
    assert answer.status == 200
    return answer.body.decode()


@pytest.mark.parametrize(
    ("request_values", "language"),
    [
        ({"accept_language": "en-GB,en;q=0.9,zh;q=0.8"}, "en"),
        ({"accept_language": "zh-TW"}, "zh"),
        ({"accept_language": "fr, zh-CN;q=0.5, en;q=0.4"}, "zh"),
        ({"accept_language": "fr,de;q=x,;;=,zh;q=0,en;q=0.1"}, "en"),
        ({"accept_language": "fr"}, "zh"),
        ({}, "zh"),
        ({"language_cookie": "en", "accept_language": "zh"}, "en"),
        ({"language_cookie": "<script>"}, "zh"),
        ({"query": {"language": "en"}, "language_cookie": "zh"}, "en"),
        ({"query": {"language": "xx"}, "accept_language": "en"}, "en"),
    ],
)
def test_the_user_chooses_the_language_or_else_the_browser(request_values: dict[str, Any], language: str) -> None:
    assert PageRequest(**request_values).language == language
    title = "DingTalk alerts" if language == "en" else "钉钉告警"
    assert f"<title>{title}</title>" in page(**request_values)


def test_the_chosen_language_is_remembered() -> None:
    chosen = answer_page(PageRequest(query={"language": "en"}), Anybody(), TOKENS)
    assert (chosen.cookie["value"], chosen.cookie["httponly"], chosen.cookie["samesite"]) == ("en", True, "Lax")
    assert answer_page(PageRequest(query={"language": "\r\nx"}), Anybody(), TOKENS).cookie == {}


def test_every_answer_keeps_scripts_and_other_sites_out() -> None:
    answers = [
        answer_page(PageRequest(), Anybody(), TOKENS),
        answer_denial(PageRequest(), is_signed_in=True),
        answer_style(),
        answer_form(PageRequest(), {}, Anybody(), TOKENS),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "form-action 'self'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["Cache-Control"] == "no-store"
    assert "<script" not in page()
    assert "style=" not in page()
    assert not re.search(r"(?:src|href)=.https?:", page())


@pytest.mark.parametrize(("is_signed_in", "status"), [(True, 403), (False, 401)])
def test_a_denial_says_nothing_else(is_signed_in: bool, status: int) -> None:
    failed("secret_dag")
    answer = answer_denial(PageRequest(language_cookie="en"), is_signed_in=is_signed_in)
    assert answer.status == status
    assert b"secret_dag" not in answer.body
    assert ("read access to jobs" in answer.body.decode()) is is_signed_in


def claim_form(**changes: str) -> dict[str, str]:
    [incident] = incidents_in(outbox())
    return {"action": "claim", "id": incident.id, "token": TOKENS.token("id of zhangsan"), **changes}


def answered(form: dict[str, str], **request: Any) -> PageAnswer:
    return answer_form(PageRequest(**request), form, Anybody(), TOKENS)


@pytest.mark.parametrize("fetch_site", [None, "same-origin"])
def test_a_form_of_the_page_claims(fetch_site: str | None) -> None:
    failed()
    answer = answered(claim_form(), fetch_site=fetch_site)
    assert (answer.status, answer.location) == (303, "./?result=claimed")
    [incident] = incidents_in(outbox())
    assert incident.claim is not None
    assert (incident.claim.by, incident.claim.how.value) == ("zhangsan", "page")
    assert "Claimed. It climbs no further" in page(query={"result": "claimed", "language": "en"})


@pytest.mark.parametrize(
    ("changes", "fetch_site"),
    [
        ({"token": ""}, "same-origin"),
        ({"token": "x"}, None),
        ({"token": TOKENS.token("id of lisi")}, "same-origin"),
        ({"token": TOKENS.token("id of zhangsan", now=0.0)}, "same-origin"),
        ({"token": FormTokens(b"another").token("id of zhangsan")}, "same-origin"),
        ({}, "cross-site"),
        ({}, "same-site"),
        ({}, "none"),
    ],
)
def test_a_form_of_another_site_does_nothing(changes: dict[str, str], fetch_site: str | None) -> None:
    """It has no token of this user, and a browser says where it comes from."""
    failed()
    answer = answered(claim_form(**changes), fetch_site=fetch_site)
    assert answer.status == 403
    [incident] = incidents_in(outbox())
    assert incident.claim is None


@pytest.mark.parametrize("action", ["", "drop", "claim\0", "CLAIM", "<script>"])
def test_an_unknown_form_does_nothing(action: str) -> None:
    failed()
    answer = answered(claim_form(action=action))
    assert answer.status == 400
    assert b"<script" not in answer.body


def test_the_page_of_one_incident() -> None:
    """To which a link in its alert leads, and which stays that of it after a button and another language."""
    failed("sales", "load")
    failed("other")
    one = next(each for each in incidents_in(outbox()) if each.failure.dag_id == "sales")
    shown = page(query={"incident": one.id, "language": "en"})
    assert "sales · load" in shown
    assert "other" not in shown
    assert f'name="incident" value="{one.id}"' in shown
    assert f"?incident={one.id}&amp;language=zh" in shown
    assert "All open incidents" in shown
    token = TOKENS.token("id of zhangsan")
    form = {"action": "claim", "id": one.id, "token": token, "incident": one.id}
    assert answered(form).location == f"./?result=claimed&incident={one.id}"
    nothing = page(query={"incident": "<b>nothing</b>", "language": "en"})
    assert "No such incident is open" in nothing
    assert "<b>nothing" not in nothing


@pytest.mark.parametrize("wanted", ["\r\nX: y", "//evil.example", "a&b=c", "\udce4", "x" * 5_000])
def test_the_way_back_from_a_button_leads_to_the_page(wanted: str) -> None:
    failed()
    location = answered(claim_form(incident=wanted)).location or ""
    assert location.startswith("./?result=claimed&incident=")
    assert location.isascii()
    assert len(location) < 2_000
    assert not set(location) & set("\r\n<>\"'")
    page(query={"incident": wanted})


def test_only_results_of_the_page_are_shown() -> None:
    shown = page(query={"result": "<b>Your password expired</b>", "language": "en"})
    assert "password" not in shown
    assert 'class="result' not in shown
