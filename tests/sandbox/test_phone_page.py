"""A person's phone in a real browser: what looks like what, and reading it with its buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import DingPlan, Person, Sandbox
from tests.sandbox.test_page import CHROMEDRIVER, CHROMIUM, WAIT_FOR, AppClient, browser

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)",
)

EVIL = "<img src=x onerror=alert(1)> & \u202e x"
CLICK = "document.querySelector(arguments[0]).click()"  # in one go: the page draws itself anew at any time
TEXTS = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent.trim())"
WIDTH = "return [document.documentElement.scrollWidth, innerWidth]"
BACKGROUNDS = """
return ['app', 'sms', 'phone'].map((way) => {
  const item = document.querySelector(`.way-${way}`);
  return getComputedStyle(item).backgroundColor + getComputedStyle(item.querySelector('.item-text')).backgroundColor;
});
"""

StartSandbox = Callable[..., Sandbox]


@pytest.fixture
def phone(start_sandbox: StartSandbox) -> Sandbox:
    """The phone of a person who has one of each kind."""
    people = (
        Person(user_id="zhang san&1", name="张三", mobile="13800000001"),
        Person(user_id="lisi", name="李四", mobile="13800000002"),
    )
    sandbox = start_sandbox(people=people, ding=DingPlan(phone=7, sms=None))
    client = AppClient(sandbox)
    robot = {"robotCode": sandbox.app.robot_code}
    first = people[0]
    text = {"msgKey": "sampleMarkdown", "msgParam": '{"title": "t", "text": "#### 失败\\n\\n- a"}'}
    client.post("/v1.0/robot/oToMessages/batchSend", {**robot, **text, "userIds": [first.user_id]})
    for number in (1, 2, 3):
        body = {**robot, "remindType": number, "receiverUserIdList": [first.user_id], "content": f"{number} {EVIL}"}
        client.post("/v1.0/robot/ding/send", body)
    todo = {
        "subject": EVIL,
        "description": EVIL,
        "detailUrl": {"appUrl": "javascript:alert(1)", "pcUrl": "javascript:alert(1)"},
        "executorIds": [first.union_id],
        "priority": 30,
        "dueTime": int((sandbox.requests[0].received_at + 3600) * 1000),
        "notifyConfigs": {"dingNotify": "1"},
    }
    client.post(f"/v1.0/todo/users/{first.union_id}/tasks", todo)
    return sandbox


def open_phone(browser: Any, sandbox: Sandbox, *, language: str = "en") -> Any:
    browser.get(sandbox.page_url)
    browser.execute_script("localStorage.setItem('dingtalk-sandbox-language', arguments[0])", language)
    browser.get(sandbox.phone_url_of(sandbox.people[0]))
    assert browser.execute_async_script(WAIT_FOR, ".item", 5)
    return browser


@pytest.mark.parametrize(
    ("language", "kinds", "buttons"),
    [
        (
            "en",
            ["to-do", "phone call", "SMS", "DING in the app", "chat with the robot"],
            ["Done", "Answer", "Mark as read", "Got it", "Mark as read"],
        ),
        ("zh", ["待办", "电话", "短信", "应用内 DING", "机器人单聊"], ["完成", "接听", "标为已读", "收到", "标为已读"]),
    ],
)
def test_each_kind_looks_its_own_way(
    browser: Any, phone: Sandbox, language: str, kinds: list[str], buttons: list[str]
) -> None:
    """The newest first, in one language, without anything from a text being run."""
    open_phone(browser, phone, language=language)
    assert browser.execute_script(TEXTS, ".item-kind") == kinds
    assert browser.execute_script(TEXTS, ".act") == buttons
    assert len(set(browser.execute_script(BACKGROUNDS))) == 3
    assert browser.execute_script(TEXTS, ".item-text")[0] == EVIL
    assert browser.execute_script(TEXTS, ".bubble h4") == ["失败"]
    assert (
        browser.execute_script("return document.querySelectorAll('.items img, .items a[href^=javascript]').length") == 0
    )
    assert "7" not in browser.execute_script(TEXTS, ".credit")[0]
    assert "6" in browser.execute_script(TEXTS, ".credit")[0]
    assert browser.execute_script(TEXTS, ".person")[0].endswith("5")
    assert browser.get_log("browser") == []


def test_buttons_read_and_answer(browser: Any, phone: Sandbox) -> None:
    """One item each; the app sees it."""
    open_phone(browser, phone)
    browser.execute_script(CLICK, ".way-phone .act")
    assert browser.execute_async_script(WAIT_FOR, ".way-phone.is-read", 1)
    assert browser.execute_script(TEXTS, ".call-state") == ["Call answered"]
    assert [each.is_read for each in phone.dings] == [False, False, True]
    browser.execute_script(CLICK, ".way-todo .act")
    assert browser.execute_async_script(WAIT_FOR, ".way-todo.is-read", 1)
    assert phone.todos[0].is_done
    browser.execute_script(CLICK, ".read-all")
    assert browser.execute_async_script(WAIT_FOR, ".is-read", 5)
    assert all(each.is_read for each in phone.dings)
    assert browser.execute_script(TEXTS, ".act") == []
    assert browser.execute_script("return document.querySelector('.read-all').disabled")


def test_it_follows_what_happens(browser: Any, phone: Sandbox) -> None:
    """A new DING, a recall, and whatever a test reads, without a reload; the language is switched in place."""
    open_phone(browser, phone)
    client = AppClient(phone)
    body = {"robotCode": phone.app.robot_code, "remindType": 1, "content": "new"}
    sent = client.post("/v1.0/robot/ding/send", {**body, "receiverUserIdList": [phone.people[0].user_id]})
    assert browser.execute_async_script(WAIT_FOR, ".item", 6)
    client.post("/v1.0/robot/ding/recall", {**body, "openDingId": sent["openDingId"]})
    assert browser.execute_async_script(WAIT_FOR, ".is-recalled", 1)
    phone.read(phone.people[0].user_id)
    assert browser.execute_async_script(WAIT_FOR, ".is-read", 5)
    browser.execute_script(CLICK, ".language")
    assert browser.execute_script(TEXTS, ".call-state") == ["已接听"]
    phone.clear()
    assert browser.execute_async_script(WAIT_FOR, ".nobody:not([hidden])", 1)


@pytest.mark.parametrize("width", [1200, 390])
def test_it_fits_any_width(browser: Any, phone: Sandbox, width: int) -> None:
    """Nothing is wider than the screen."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        open_phone(browser, phone)
        needed, screen = browser.execute_script(WIDTH)
        assert needed <= screen <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_chat_page_leads_there(browser: Any, phone: Sandbox) -> None:
    """A link for each person; and DINGs are notes in a person's chat."""
    browser.get(phone.page_url)
    browser.execute_script("localStorage.setItem('dingtalk-sandbox-language', 'en')")
    browser.get(f"{phone.page_url}#private:zhang%20san%261")
    browser.refresh()
    assert browser.execute_async_script(WAIT_FOR, ".note.ding", 3)
    notes = browser.execute_script(TEXTS, ".note.ding b")
    assert notes == ["DING in the app", "DING by SMS", "DING by phone"]
    assert browser.execute_script(TEXTS, ".note.todo b") == ["To-do"]
    link = browser.find_element("css selector", ".phone-link")
    assert link.text == "张三"
    link.click()
    assert browser.execute_async_script(WAIT_FOR, ".item", 5)


def test_nobodys_phone(browser: Any, phone: Sandbox) -> None:
    """It says so."""
    browser.get(f"{phone.url}/phone.html?user=nobody")
    assert browser.execute_async_script(WAIT_FOR, ".nobody:not([hidden])", 1)
    assert browser.execute_script(TEXTS, ".item") == []
