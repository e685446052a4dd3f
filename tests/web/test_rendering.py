"""The page as HTML: each row with its buttons, in one language, and nothing of a text is run or linked."""

from __future__ import annotations

import json
import re
import string
import time
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome, Progress
from airflow_provider_dingpush.pipeline.escalation_notes import note_progress
from airflow_provider_dingpush.pipeline.incidents import incidents_in
from airflow_provider_dingpush.pipeline.outboxes import outbox
from airflow_provider_dingpush.pipeline.page_actions import PageResult
from airflow_provider_dingpush.pipeline.page_state import BaselineRow, PageState, read_state
from airflow_provider_dingpush.pipeline.receiver_status import ReceiverState, ReceiverStatus, Usage
from airflow_provider_dingpush.rules.escalations import Way
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.web.rendering import render_denial, render_page
from airflow_provider_dingpush.web.words import TEXTS
from tests.cli.conftest import is_chinese
from tests.conftest import SECRET
from tests.rules_file_in_use import use_rules_file
from tests.web.baselines_of_today import BASELINES, note_runs, write_baselines
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


@pytest.mark.parametrize("language", ["en", "zh"])
def test_baselines_in_every_state_as_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """The whole page, from runs that listeners noted; the words are those of ``dingpush baselines``."""
    now = time.time() // 60 * 60
    use_rules_file(write_baselines(tmp_path, now), monkeypatch)
    note_runs(now)
    elements = Elements(render(read(), language, now=now))
    text = "\n".join(elements.texts)
    for each in BASELINES:
        assert each in elements.texts
    for outlook in Outlook:
        assert outlook.in_language(language) in text
    expected = {
        "en": ["-10 min", "1h 30m", "2h 20m", "finance_daily: running since", "inventory_sync: has not started"],
        "zh": ["-10 分钟", "1 小时 30 分", "2 小时 20 分", "finance_daily：", "inventory_sync：尚未启动"],
    }
    for each in expected[language]:
        assert each in text
    classes = " ".join(each or "" for each in elements.values("td", "class"))
    assert {each.value for each in Outlook} <= set(classes.split())
    assert ("(done)" in text) is (language == "en")
    assert ("（已完成）" in text) is (language == "zh")


def test_who_may_see_some_dags_sees_their_baselines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    use_rules_file(write_baselines(tmp_path, now), monkeypatch)
    note_runs(now)
    page = render(read(Anybody(reads=("finance_daily",))))
    assert "finance" in Elements(page).texts
    for name, (dag_id, *_) in BASELINES.items():
        assert (name in page) is (name == "finance")
        assert (dag_id in page) is (name == "finance")
    nothing = render(read(Anybody(reads=())))
    assert "No baselines." in nothing
    assert "finance" not in nothing


def test_a_name_of_a_baseline_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "rules.yaml"
    baseline = {"name": EVIL[:60], "dags": EVIL[:60], "due": "08:30"}
    file.write_text(json.dumps({"baselines": [baseline], "rules": []}), "utf-8")
    use_rules_file(file, monkeypatch)
    state = read()
    assert [each.name for each in state.baselines] == [EVIL[:60]]
    elements = Elements(render(state))
    assert {tag for tag, _ in elements.found} <= ALLOWED
    assert EVIL[:60] in "\n".join(elements.texts)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_times_of_a_baseline_name_another_zone(language: str) -> None:
    here, there = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/London")
    at = datetime(2026, 11, 28, 8, 30, tzinfo=there).timestamp()
    rows = [
        BaselineRow(str(zone), at, at - 60, ("on time", "正常"), is_open=False, zone=zone) for zone in (here, there)
    ]
    with pytest.MonkeyPatch.context() as env:
        env.setenv("AIRFLOW__DINGPUSH__TIMEZONE", "Asia/Shanghai")
        texts = Elements(render(PageState(baselines=rows), language, now=at)).texts
    assert texts.count("16:30") == 1
    assert texts.count("08:30") == 1
    assert texts.count("Europe/London") == 2  # of the name, and of the due time
    assert texts.count("Asia/Shanghai") == 1


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (None, ("can't be read", "无法读取规则文件")),
        ("baselines: [{name: x, dags: <b>y</b>, due: 7}]", ("due", "due")),
        ("rules: []", ("No baselines.", "没有基线。")),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_rules_file_without_baselines_or_with_mistakes_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, texts: tuple[str, str], language: str
) -> None:
    if content is not None:
        (tmp_path / "rules.yaml").write_text(content)
    use_rules_file(tmp_path / "rules.yaml", monkeypatch)
    elements = Elements(render(read(), language))
    assert texts[language == "zh"] in "\n".join(elements.texts)
    assert {tag for tag, _ in elements.found} <= ALLOWED
    assert ("Nothing is open: every failure has recovered." in elements.texts) is (language == "en")


def test_many_mistakes_of_the_rules_file_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mistakes = [{"name": f"b{number}", "dags": "x", "due": "99:99"} for number in range(12)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"baselines": mistakes}))
    use_rules_file(tmp_path / "rules.yaml", monkeypatch)
    page = render(read())
    assert page.count("99:99") <= 5
    assert "… and 7 more: dingpush rules check" in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_step_of_the_escalation_is_shown(language: str) -> None:
    failed()
    [incident] = incidents_in(outbox())
    attempt = Attempt(Way.PHONE, time.time(), Outcome.NO_CREDIT)
    note_progress(outbox(), {incident.id: Progress(incident.failure.since, {"x": (attempt,)})})
    text = "\n".join(Elements(render(read(), language)).texts)
    assert Way.PHONE.words(language) in text
    assert Outcome.NO_CREDIT.words(language) in text
    assert incident.short_id in text


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
