"""The page as HTML: each row with its buttons, in one language, and nothing of a text is run or linked."""

from __future__ import annotations

import json
import re
import string
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.pipeline.page_actions import PageResult
from airflow_provider_dingpush.pipeline.page_state import BaselineRow, PageState, read_state
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState, ReceiverStatus, Usage
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.web.rendering import render_denial, render_page
from airflow_provider_dingpush.web.words import TEXTS
from tests.cli.conftest import is_chinese
from tests.conftest import SECRET
from tests.web.page_data import EVIL, MOBILE, Anybody, failed, fill

ALLOWED = {
    *("html", "head", "meta", "title", "link", "body", "header", "p", "a", "h1", "h2", "nav", "span", "main"),
    *("section", "table", "thead", "tbody", "tr", "th", "td", "div", "form", "input", "select", "option", "button"),
    "footer",
}


class Elements(HTMLParser):
    """All elements of a page, with their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    def values(self, tag: str, name: str) -> list[str | None]:
        return [attributes[name] for each, attributes in self.found if each == tag and name in attributes]


def render(state: PageState, language: str = "en", **more: Any) -> str:
    values: dict[str, Any] = {
        "user": "zhangsan",
        "token": "t0ken",
        "framework_token": None,
        "result": None,
        "airflow_url": "../",
        "now": time.time(),
        **more,
    }
    return render_page(state, language=language, **values)


def read(visitor: Anybody | None = None) -> PageState:
    return read_state(visitor or Anybody(), time.monotonic() + 60)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_that_there_is_on_one_page(connected: Sandbox, language: str) -> None:
    fill(connected)
    elements = Elements(render(read(), language))
    text = "\n".join(elements.texts)
    for each in (
        "orders_daily · check_amounts",
        "wangwu",
        "上游补数中",
        "users_hourly",
        "dingtalk_oncall",
        "dag_id=dev_*",
    ):
        assert each in text
    assert ("6 open, 1 claimed" in text) is (language == "en")
    assert ("未恢复 6 个，已认领 1 个" in text) is (language == "zh")
    assert ("held until" in text) is (language == "en")
    assert ("暂停至" in text) is (language == "zh")
    actions = [
        value for (tag, at) in elements.found if tag == "input" and at["name"] == "action" for value in [at["value"]]
    ]
    assert [actions.count(each) for each in ("claim", "unclaim", "silence", "end_silence", "retry")] == [6, 1, 6, 1, 1]
    headings = {*elements.values("td", "data-label")}
    assert all(is_chinese(each or "") is (language == "zh") for each in headings)


def test_nothing_of_a_text_is_run_or_linked(connected: Sandbox) -> None:
    """Whatever a DAG, an exception, an owner or a colleague's note is called."""
    fill(connected)
    failed(
        EVIL, EVIL, owners=(EVIL,), summary=EVIL, log_link=f"https://x.example/{EVIL}", run_link="  javascript:alert(9)"
    )
    page = render(read(Anybody(name=EVIL)), user=EVIL)
    elements = Elements(page)
    assert {tag for tag, _ in elements.found} <= ALLOWED
    assert EVIL in "\n".join(elements.texts)
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    links = [link or "" for link in elements.values("a", "href")]
    assert all(link.startswith(("./", "../", "https://")) for link in links)
    assert "https://x.example/?a=b&c=%22" in links
    outside = [at for tag, at in elements.found if tag == "a" and (at["href"] or "").startswith("http")]
    assert all(at["rel"] == "noopener noreferrer" for at in outside)


def test_who_may_not_edit_sees_no_buttons(connected: Sandbox) -> None:
    fill(connected)
    elements = Elements(render(read(Anybody(edits=()))))
    assert not [tag for tag, _ in elements.found if tag in ("form", "button", "select")]
    assert "orders_daily · check_amounts" in elements.texts


def test_buttons_of_the_dags_that_may_be_edited(connected: Sandbox) -> None:
    fill(connected)
    visitor = Anybody(edits=("evil",))
    elements = Elements(render(read(visitor)))
    assert elements.values("select", "name") == ["minutes"]
    assert len([tag for tag, _ in elements.found if tag == "form"]) == 2


def test_it_shows_no_secret_and_no_mobile_number(
    connected: Sandbox, monkeypatch: pytest.MonkeyPatch, outbox_home: Path
) -> None:
    """Neither the connection's nor those of its people, nor one that an exception names."""
    connection = {
        "conn_type": "dingtalk_robot",
        "host": connected.webhook_url.partition("/robot/")[0],
        "password": connected.robot.access_token,
        "extra": {"secret": SECRET, "mentions": {"zhangsan": MOBILE}, "group_interval_seconds": 0},
    }
    monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", json.dumps(connection))
    fill(connected)
    url = f"https://oapi.dingtalk.com/robot/send?access_token={connected.robot.access_token}&sign=abcdefghijklmnopqrstuvwxyz0123"
    failed("leaky", summary=f"ConnectionError: POST {url} https://u:hunter2pass@db/x {SECRET}")
    for language in ("en", "zh"):
        page = render(read(), language)
        assert "leaky" in page
        for secret in (connected.robot.access_token, SECRET, MOBILE, "abcdefghijklmnopqrstuvwxyz0123", "hunter2pass"):
            assert secret not in page


def test_limits_are_shown_only_if_they_are_known() -> None:
    usage = Usage(3, 18, 40, 500, 1_234, 5_000)
    known = ReceiverStatus(ReceiverState.READY, "r1", ("conn",), pending=0, usage=usage)
    unknown = ReceiverStatus(
        ReceiverState.READY, "r2", pending=0, usage=Usage(3, 18, 40, 500, 1_234, 5_000, has_limits=False)
    )
    texts = Elements(render(PageState(receivers=[known, unknown]))).texts
    for each in ("3 / 18", "40 / 500", "1,234 / 5,000", "3", "40", "1,234", "receiver r2"):
        assert texts.count(each) == 1


@pytest.mark.parametrize(
    ("language", "texts"),
    [("en", ["at risk", "20 min", "-15 min", "unknown"]), ("zh", ["有延误风险", "20 分钟", "-15 分钟", "未知"])],
)
def test_baselines_of_today(language: str, texts: list[str]) -> None:
    rows = [
        BaselineRow("morning report", 10_000.0, 8_800.0, ("on time", "正常"), is_open=False),
        BaselineRow("finance", 10_000.0, 10_900.0, ("at risk", "有延误风险"), is_open=True),
        BaselineRow("new", 10_000.0, None, ("too few runs", "历史运行太少"), is_open=False),
    ]
    elements = Elements(render(PageState(baselines=rows), language))
    for each in texts:
        assert each in elements.texts


def test_an_empty_outbox_and_one_that_cannot_be_read(outbox_home: Path) -> None:
    assert "Nothing is open" in render(read())
    outbox_home.parent.mkdir(exist_ok=True)
    outbox_home.write_text("not a folder")
    page = render(read())
    assert "A part of the outbox can&#39;t be read" in page
    assert "Nothing is open" not in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_result_and_state_has_its_words(language: str) -> None:
    for result in PageResult:
        assert 'role="status"' in render(PageState(), language, result=result)
        assert render_denial(f"result_{result.value}", language=language, url="./")
    assert {each.value for each in ReceiverState} <= TEXTS.keys()


def test_both_languages_of_a_text_have_the_same_values() -> None:
    for english, chinese in TEXTS.values():
        fields = [{name for _, name, _, _ in string.Formatter().parse(each)} for each in (english, chinese)]
        assert fields[0] - {None} == fields[1] - {None}
    names = {name for name in TEXTS if is_chinese(TEXTS[name][0])}
    assert names == set()


def test_the_styles_load_nothing() -> None:
    style = (Path(__file__).parents[2] / "airflow_provider_dingpush" / "web" / "style.css").read_text()
    assert not re.search(r"url\(|@import|expression", style)
