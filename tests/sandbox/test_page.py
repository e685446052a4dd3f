"""The chat page in a real browser: each message type is drawn right, and nothing a message contains is executed."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dingpush.messages import browser_link
from airflow_provider_dingpush.sandbox import App, Fault, GroupChat, Person, Robot, Sandbox

webdriver = pytest.importorskip("selenium.webdriver", reason="needs the Python package selenium")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="needs Chromium and its driver (Debian: apt-get install chromium chromium-driver)",
)

Post = Callable[..., dict[str, Any]]
StartSandbox = Callable[..., Sandbox]

# Resolves as soon as the chat shows the wanted number of elements; no polling.
WAIT_FOR = """
const [selector, count, done] = arguments;
const enough = () => document.querySelectorAll(selector).length >= count;
if (enough()) done(true);
else new MutationObserver((_, observer) => { if (enough()) { observer.disconnect(); done(true); } })
  .observe(document.body, { childList: true, subtree: true, attributes: true });
"""

AT_THE_END = "const s = document.querySelector('.scroller'); return s.scrollHeight - s.scrollTop - s.clientHeight < 2"

# The rendered children of an element as markup, without what only the browser adds.
MARKUP = """
return [...document.querySelectorAll(arguments[0])].map((element) => element.innerHTML);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium that goes nowhere but to this machine."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile: Path = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--lang=en-US",
        "--window-size=1100,900",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options,
        service=webdriver.ChromeService(executable_path=CHROMEDRIVER, env={**os.environ, "LANG": "en_US.UTF-8"}),
    )
    driver.set_script_timeout(10)
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: Any, sandbox: Sandbox, post: Post) -> Callable[..., Any]:
    """Post payloads, open the page and return the browser once all are drawn."""

    def show(*payloads: dict[str, Any]) -> Any:
        for payload in payloads:
            assert post(sandbox.webhook_url, payload)["errcode"] == 0
        browser.get(sandbox.page_url)
        browser.execute_async_script(WAIT_FOR, ".message", len(payloads))
        return browser

    return show


class AppClient:
    """Sends for an app of the sandbox through all APIs, with nothing but the standard library."""

    def __init__(self, sandbox: Sandbox, app: App | None = None) -> None:
        self._sandbox = sandbox
        self._app = app or sandbox.app
        ids = {"appKey": self._app.app_key, "appSecret": self._app.app_secret}
        self._token = self.post("/v1.0/oauth2/accessToken", ids)["accessToken"]

    def post(self, path: str, body: Any, content_type: str = "application/json") -> dict[str, Any]:
        """Post a body, as JSON unless it is bytes, with the token at both of its places; 200 is taken for granted."""
        token = getattr(self, "_token", "")
        address = urlsplit(self._sandbox.url)
        headers = {"Content-Type": content_type, "x-acs-dingtalk-access-token": token}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)) as connection:
            connection.request("POST", f"{path}{'&' if '?' in path else '?'}access_token={token}", content, headers)
            response = connection.getresponse()
            reply: dict[str, Any] = json.loads(response.read())
        assert response.status == 200, reply
        return reply

    def upload(self, kind: str, name: str, content: bytes) -> str:
        """Upload a medium and return its id."""
        head = f'Content-Disposition: form-data; name="media"; filename="{name}"'.encode()
        body = b"--limit\r\n" + head + b"\r\n\r\n" + content + b"\r\n--limit--\r\n"
        media_id = self.post(f"/media/upload?type={kind}", body, "multipart/form-data; boundary=limit")["media_id"]
        assert isinstance(media_id, str)
        return media_id

    def to_group(self, msg_key: str, group: GroupChat | None = None, /, **param: str) -> str:
        """Send to a group, the first one unless another is named; return the key of the message."""
        where = (group or self._sandbox.group).open_conversation_id
        body = {"robotCode": self._app.robot_code, "openConversationId": where, "msgKey": msg_key}
        reply = self.post("/v1.0/robot/groupMessages/send", {**body, "msgParam": json.dumps(param)})
        return str(reply["processQueryKey"])

    def to_people(self, msg_key: str, /, *user_ids: str, **param: str) -> str:
        """Send to people's private chats; return the key of the message."""
        body = {"robotCode": self._app.robot_code, "userIds": user_ids, "msgKey": msg_key}
        reply = self.post("/v1.0/robot/oToMessages/batchSend", {**body, "msgParam": json.dumps(param)})
        return str(reply["processQueryKey"])

    def notification(self, msg: dict[str, Any], /, *user_ids: str) -> int:
        """Send a work notification; return the id of the task."""
        body = {"agent_id": self._app.agent_id, "userid_list": ",".join(user_ids), "msg": msg}
        reply = self.post("/topapi/message/corpconversation/asyncsend_v2", body)
        assert reply["errcode"] == 0, reply
        return int(reply["task_id"])

    def recall(self, key: str) -> None:
        """Take a message back from the first group."""
        where = self._sandbox.group.open_conversation_id
        body = {"robotCode": self._app.robot_code, "openConversationId": where, "processQueryKeys": [key]}
        assert self.post("/v1.0/robot/groupMessages/recall", body)["successResult"] == [key]


@pytest.fixture
def app(sandbox: Sandbox) -> AppClient:
    """The sandbox's app."""
    return AppClient(sandbox)


@pytest.fixture
def open_page(browser: Any, sandbox: Sandbox) -> Callable[..., Any]:
    """Open the page at a conversation, as for the first time; return the browser once its messages are drawn."""

    def open_page(key: str = "", messages: int = 0) -> Any:
        # A new hash alone would not load the page again.
        browser.get("about:blank")
        browser.get(f"{sandbox.page_url}{key and '#'}{key}")
        browser.execute_async_script(WAIT_FOR, ".state[data-state=live]", 1)
        browser.execute_async_script(WAIT_FOR, ".message", messages)
        return browser

    return open_page


@contextmanager
def screen(browser: Any, width: int, height: int = 800) -> Iterator[None]:
    """Give the browser a screen of this size, a phone's if it is narrow."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def texts(browser: Any, selector: str) -> list[str]:
    """Return the text of the elements, as it is seen."""
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((element) => element.innerText)", selector
    )
    return found


def conversations(browser: Any) -> list[tuple[str, str, str]]:
    """Return address, preview and unread count of each conversation, from top to bottom."""
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    rows = browser.execute_script(
        "return [...document.querySelectorAll('.conversation')].map((link) => [link.getAttribute('href'),"
        " link.querySelector('.conversation-preview').innerText, link.querySelector('.unread').innerText])"
    )
    return [(address, preview, unread) for address, preview, unread in rows]


def markdown(text: str, **more: Any) -> dict[str, Any]:
    """Return a markdown message."""
    return {"msgtype": "markdown", "markdown": {"title": "a title", "text": text}, **more}


def text(content: str, **more: Any) -> dict[str, Any]:
    """Return a text message."""
    return {"msgtype": "text", "text": {"content": content}, **more}


def link_markup(url: str, label: str) -> str:
    """Return the markup of a link as the page makes it."""
    return f'<a href="{url}" target="_blank" rel="noopener noreferrer" title="{url}">{label}</a>'


MARKDOWN = [
    ("headings", "# a\n###### b", "<h1>a</h1><h6>b</h6>"),
    ("no heading without a blank", "#a", "<p>#a</p>"),
    ("quote", "> a\nb\n\nc", "<blockquote><p>a\nb</p></blockquote><p>c</p>"),
    ("nested quote", "> a\n> > b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"),
    ("bold and italic", "**a** *b* ***c***", "<p><strong>a</strong> <em>b</em> <strong><em>c</em></strong></p>"),
    ("italic with bold inside", "*a **b** c*", "<p><em>a <strong>b</strong> c</em></p>"),
    ("stars that are none", "2 * 3 * 4 ** 5", "<p>2 * 3 * 4 ** 5</p>"),
    ("underscores stay", "_a_ __b__ etl_daily_v2", "<p>_a_ __b__ etl_daily_v2</p>"),
    ("escapes", r"\*a\* \`b\` \\", r"<p>*a* `b` \</p>"),
    ("link", "[a](https://e.com/x?y=1)", f"<p>{link_markup('https://e.com/x?y=1', 'a')}</p>"),
    ("link with brackets", "[a [b]](https://e.com/(x))", f"<p>{link_markup('https://e.com/(x)', 'a [b]')}</p>"),
    ("bold link", "**[a](https://e.com/)**", f"<p><strong>{link_markup('https://e.com/', 'a')}</strong></p>"),
    (
        "sidebar link",
        "[a](dingtalk://dingtalkclient/page/link?url=https%3A%2F%2Fe.com%2Fx%3Fy%3D1&pc_slide=false)",
        f"<p>{link_markup('https://e.com/x?y=1', 'a')}</p>",
    ),
    (
        "link for PCs and phones",
        f"[a]({browser_link('https://e.com/x?y=1', 'browser')})",
        f"<p>{link_markup('https://e.com/x?y=1', 'a')}</p>",
    ),
    ("unordered list", "- a\n- b\n\nc", "<ul><li><p>a</p></li><li><p>b</p></li></ul><p>c</p>"),
    ("ordered list", "3. a\n4. b", '<ol start="3"><li><p>a</p></li><li><p>b</p></li></ol>'),
    ("nested list", "- a\n  - b\n- c", "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>"),
    ("text after a list is absorbed", "- a\nb", "<ul><li><p>a\nb</p></li></ul>"),
    ("colour", '<font color="#FF0000">a</font>', '<p><span style="color: rgb(255, 0, 0);">a</span></p>'),
    (
        "nested colours",
        "<font color='#ff0000'>a<font color=#00ff00>b</font>c</font>",
        '<p><span style="color: rgb(255, 0, 0);">a<span style="color: rgb(0, 255, 0);">b</span>c</span></p>',
    ),
    ("colour names are not reliable", '<font color="red">a</font>', "<p><span>a</span></p>"),
    ("open colour", '<font color="#FF0000">a', '<p>&lt;font color="#FF0000"&gt;a</p>'),
    ("inline code", "`a *b* <i>` ``c`d``", "<p><code>a *b* &lt;i&gt;</code> <code>c`d</code></p>"),
    ("fenced code", "```python\na\n  # b\n```\nc", "<pre><code>a\n  # b</code></pre><p>c</p>"),
    ("open fence", "```\na", "<pre><code>a</code></pre>"),
    ("a lone line break is swallowed", "a\nb", "<p>a\nb</p>"),
    ("two blanks keep it", "a  \n  b", "<p>a  <br>  b</p>"),
    ("a blank line is a paragraph", "a\n\nb\r\n\r\nc", "<p>a</p><p>b</p><p>c</p>"),
    ("hard blanks", "a&nbsp;&#160;&#xA0;b", "<p>a&nbsp;&nbsp;&nbsp;b</p>"),
    ("what is not promised stays raw", "~~a~~\n---\n<br>", "<p>~~a~~\n---\n&lt;br&gt;</p>"),
    (
        "table",
        "|a|b|\n|:-|-:|\n|**c**|1\\|2|\n| d |\n\ne",
        (
            '<table><tr><th>a</th><th class="number">b</th></tr>'
            '<tr><td><strong>c</strong></td><td class="number">1|2</td></tr>'
            '<tr><td>d</td><td class="number"></td></tr></table>'
            '<p class="table-source">|a|b|\n|:-|-:|\n|<strong>c</strong>|1|2|\n| d |</p><p>e</p>'
        ),
    ),
    ("no table", "|a|b|\n|-|", "<p>|a|b|\n|-|</p>"),
]


def test_markdown_is_drawn_as_dingtalk_does(show: Callable[..., Any]) -> None:
    """The documented subset becomes elements, everything else stays as it was typed."""
    browser = show(*(markdown(source) for _, source, _ in MARKDOWN[:20]))
    drawn = browser.execute_script(MARKUP, ".bubble.markdown")
    assert drawn == [markup for _, _, markup in MARKDOWN[:20]]


def test_more_markdown_is_drawn_as_dingtalk_does(show: Callable[..., Any]) -> None:
    """As above; a robot has but twenty messages a minute."""
    browser = show(*(markdown(source) for _, source, _ in MARKDOWN[20:]))
    drawn = browser.execute_script(MARKUP, ".bubble.markdown")
    assert drawn == [markup for _, _, markup in MARKDOWN[20:]]


def test_a_lone_line_break_takes_no_line(show: Callable[..., Any]) -> None:
    """In markdown it is a blank, in a text a new line."""
    browser = show(markdown("a\nb"), markdown("a"), text("a\nb"), text("a"))
    heights = browser.execute_script("return [...document.querySelectorAll('.bubble')].map((b) => b.clientHeight)")
    assert heights[0] == heights[1]
    assert heights[2] > heights[3]


MENTION = '<span class="mention">{}</span>'
MENTIONS = [
    ("in text and at", text("@138 hi", at={"atMobiles": ["138"]}), MENTION.format("@138") + " hi"),
    ("in text only", text("@138 hi"), "@138 hi"),
    ("in at only", text("hi", at={"atMobiles": ["138"]}), "hi"),
    ("a longer number", text("@1380", at={"atMobiles": ["138"]}), "@1380"),
    ("the longer of two", text("@1380 @138", at={"atUserIds": ["138", "1380"]}), None),
    ("before Chinese", text("@138请处理", at={"atMobiles": ["138"]}), MENTION.format("@138") + "请处理"),
    ("special characters", text("@a.b axb", at={"atUserIds": ["a.b", "(("]}), MENTION.format("@a.b") + " axb"),
    ("everyone", text("hi", at={"isAtAll": True}), "hi " + MENTION.format("@所有人")),
    ("everyone in the text", text("@所有人 hi", at={"isAtAll": True}), MENTION.format("@所有人") + " hi"),
    ("nobody", text("@所有人 hi", at={"isAtAll": False}), "@所有人 hi"),
    ("markdown", markdown("**@138** hi", at={"atMobiles": ["138"]}), None),
    ("markdown code", markdown("`@138`", at={"atMobiles": ["138"]}), "<p><code>@138</code></p>"),
    ("markdown everyone", markdown("hi", at={"isAtAll": True}), f"<p>hi {MENTION.format('@所有人')}</p>"),
    ("nested at", {"msgtype": "text", "text": {"content": "@138", "at": {"atMobiles": ["138"]}}}, "@138"),
]


def test_mentions_are_blue_only_if_text_and_at_agree(show: Callable[..., Any]) -> None:
    """The value must be in both; everyone needs no text."""
    expected = [markup for _, _, markup in MENTIONS]
    expected[4] = f"{MENTION.format('@1380')} {MENTION.format('@138')}"
    expected[10] = f"<p><strong>{MENTION.format('@138')}</strong> hi</p>"
    browser = show(*(payload for _, payload, _ in MENTIONS))
    assert browser.execute_script(MARKUP, ".bubble") == expected


def test_text_links_its_addresses(show: Callable[..., Any]) -> None:
    """Web addresses in a text can be clicked; punctuation behind them is not part of them."""
    browser = show(text("see https://e.com/a?b=c. 日志：https://e.com/x，谢谢 **no markdown** ftp://e.com"))
    (drawn,) = browser.execute_script(MARKUP, ".bubble.text")
    assert drawn == (
        f"see {link_markup('https://e.com/a?b=c', 'https://e.com/a?b=c')}. "
        f"日志：{link_markup('https://e.com/x', 'https://e.com/x')}，谢谢 **no markdown** ftp://e.com"
    )


def test_cards(show: Callable[..., Any]) -> None:
    """Action cards by their orientation, the single button before others, link and feed cards with their parts."""
    buttons = [{"title": t, "actionURL": f"https://e.com/{t}"} for t in "ab"]
    single = {"singleTitle": "go", "singleURL": "https://e.com/go"}
    card = {"title": "unseen", "text": "# seen @u1 @138"}
    at = {"atUserIds": ["u1"], "atMobiles": ["138"]}
    links = [
        {"title": t, "messageURL": f"https://e.com/{t}", "picURL": f"https://e.com/{t}.png"} for t in ("f1", "f2", "f3")
    ]
    browser = show(
        {"msgtype": "actionCard", "actionCard": {**card, **single, "btns": buttons}, "at": at},
        {"msgtype": "actionCard", "actionCard": {**card, "btns": buttons}},
        {"msgtype": "actionCard", "actionCard": {**card, "btns": buttons, "btnOrientation": "1"}},
        {"msgtype": "link", "link": {"title": "lt", "text": "lx", "messageUrl": "https://e.com/l"}},
        {"msgtype": "feedCard", "feedCard": {"links": links}},
    )
    cards = browser.execute_script("return [...document.querySelectorAll('.card')].map((card) => card.innerText)")
    assert [card.split("\n") for card in cards[:3]] == [
        ["seen @u1 @138", "go"],
        ["seen @u1 @138", "a", "b"],
        ["seen @u1 @138", "a", "b"],
    ]
    assert "unseen" not in "".join(cards)
    assert browser.execute_script(MARKUP, ".action-card .mention") == ["@u1"]
    places = browser.execute_script(
        "return [...document.querySelectorAll('.buttons')].map((row) => "
        "[...row.children].map((button) => [button.offsetTop, button.href]))"
    )
    assert [[address for _, address in row] for row in places] == [
        ["https://e.com/go"],
        ["https://e.com/a", "https://e.com/b"],
        ["https://e.com/a", "https://e.com/b"],
    ]
    assert places[1][0][0] < places[1][1][0], "one below the other"
    assert places[2][0][0] == places[2][1][0], "side by side"
    assert browser.execute_script("return document.querySelector('.link-card').href") == "https://e.com/l"
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.feed-card > a')].map((row) => "
        "[row.href, row.querySelector('.feed-picture, .thumbnail').offsetWidth > 200])"
    )
    assert widths == [["https://e.com/f1", True], ["https://e.com/f2", False], ["https://e.com/f3", False]]


def test_the_preview_shows_what_a_notification_would(show: Callable[..., Any]) -> None:
    """There, and only there, is the title of a markdown message."""
    browser = show(markdown("body", at={"isAtAll": True}))
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert browser.execute_script("return document.querySelector('.preview').textContent") == "Airflow: a title"
    assert browser.execute_script("return document.querySelector('.preview-at').textContent") == "[@all] "
    assert "a title" not in browser.execute_script("return document.querySelector('.bubble').textContent")


ATTACK = "window.hacked = (window.hacked || 0) + 1"
HOSTILE = [
    text(f"<script>{ATTACK}</script><img src=x onerror='{ATTACK}'>"),
    text(f'javascript:{ATTACK} https://e.com/"onmouseover="{ATTACK}'),
    markdown(f'<script>{ATTACK}</script>\n\n<img src=x onerror="{ATTACK}">\n\n<svg onload="{ATTACK}">'),
    markdown(f"[a](javascript:{ATTACK.replace(' ', '')}) [b](JaVaScRiPt:alert(1)) [c](java\tscript:alert(1))"),
    markdown(
        "[a](data:text/html,<script>parent.hacked=1</script>) [b](vbscript:x) [c](file:///etc/passwd) [d](blob:x)"
    ),
    markdown("[a](dingtalk://dingtalkclient/page/link?url=javascript%3Aalert(1)) [b](dtmd://dingtalkclient/x) [c](/x)"),
    markdown(f'![a](x" onerror="{ATTACK}) ![b](javascript:alert(1)) ![c](data:image/svg+xml,<svg/onload=alert(1)>)'),
    markdown(f'<font color="#FF0000" onclick="{ATTACK}">a</font> <font color=\'red;background:url(x)\'>b</font>'),
    markdown("<font color=#ff0000>" * 700),
    markdown(">" * 9000 + "a"),
    markdown("- " * 6000),
    markdown("[" * 9000 + "]" * 9000),
    markdown("*a **b " * 2000),
    markdown("[a](" + " " * 15000),
    markdown("\u202e" + "drawkcab [\u202egro.elgoog](https://e.com/) \u2066\u2067"),
    {
        "msgtype": "actionCard",
        "actionCard": {
            "title": f"<img src=x onerror={ATTACK}>",
            "text": "x",
            "btns": [
                {"title": "<b>a</b>", "actionURL": "javascript:window.hacked=1"},
                {"title": "b", "actionURL": " https://e.com/b "},
            ],
        },
    },
    {
        "msgtype": "link",
        "link": {
            "title": "<i>t</i>",
            "text": "<script>window.hacked=1</script>",
            "messageUrl": "javascript:window.hacked=1",
            "picUrl": "javascript:window.hacked=1",
        },
    },
    {
        "msgtype": "feedCard",
        "feedCard": {
            "links": [
                {
                    "title": "<img src=x onerror=alert(1)>",
                    "messageURL": "data:text/html,x",
                    "picURL": "data:image/png,x",
                },
                {"title": "t", "messageURL": "https://e.com", "picURL": "@lADOADmaWMzazQKA"},
            ]
        },
    },
    text("x", at={"atUserIds": ["<script>window.hacked=1</script>", "(a+)+$", "[", "\\"]}),
    text("__proto__", constructor={"prototype": 1}),
]


def test_nothing_in_a_message_is_executed(show: Callable[..., Any]) -> None:
    """And not by the policy alone: the drawn nodes hold no script, handler, style text or strange address."""
    browser = show(*HOSTILE)
    found = look_for_strange_things(browser)
    assert {tuple(link) for link in found["links"]} <= {("_blank", "noopener noreferrer")}
    assert all(style == "color: rgb(255, 0, 0);" for style in found["styles"])


def look_for_strange_things(browser: Any) -> dict[str, Any]:
    """Touch everything in the messages, and fail if something was executed or could be."""
    browser.execute_script(
        "document.querySelectorAll('.message *').forEach((node) => {"
        " for (const name of ['click', 'mouseover', 'load', 'error'])"
        " if (node.tagName !== 'A') node.dispatchEvent(new Event(name)); })"
    )
    found = browser.execute_script(
        """
        const nodes = [...document.querySelectorAll(".message *")];
        return {
          hacked: window.hacked ?? null,
          tags: [...new Set(nodes.map((node) => node.tagName))].sort(),
          attributes: [...new Set(nodes.flatMap((node) => node.getAttributeNames()))].sort(),
          addresses: nodes.filter((node) => node.href || node.src).map((node) => node.href || node.src),
          links: nodes.filter((node) => node.tagName === "A").map((node) => [node.target, node.rel]),
          styles: [...new Set(nodes.map((node) => node.getAttribute("style")).filter(Boolean))],
        };
        """
    )
    assert found["hacked"] is None
    assert not {"SCRIPT", "IFRAME", "SVG", "svg", "OBJECT", "STYLE", "FORM", "I", "B", "FONT"} & set(found["tags"])
    assert not [name for name in found["attributes"] if name.startswith("on") or name in ("srcdoc", "formaction")]
    allowed = ("https://e.com", "http://e.com", f"{browser.current_url.partition('#')[0]}media/")
    assert all(address.startswith(allowed) for address in found["addresses"])
    assert len(browser.window_handles) == 1
    strange: dict[str, Any] = found
    return strange


def test_a_strange_address_is_shown_as_text(show: Callable[..., Any]) -> None:
    """The reader sees where it would have led."""
    browser = show(markdown("[log](javascript:alert(1)) [app](dingtalk://dingtalkclient/action/openapp?x=1)"))
    assert browser.execute_script("return document.querySelector('.bubble').innerText") == (
        "log (javascript:alert(1)) app (dingtalk://dingtalkclient/action/openapp?x=1)"
    )
    assert browser.execute_script("return document.querySelectorAll('.bubble a').length") == 0


def test_pictures_are_asked_for_without_a_referrer(show: Callable[..., Any]) -> None:
    """And a picture that does not load leaves a quiet tile with its description."""
    browser = show(markdown("![a chart](https://unreachable.invalid/a.png)"))
    browser.execute_async_script(WAIT_FOR, ".markdown-picture.missing", 1)
    assert browser.execute_script("return document.querySelector('.missing').getAttribute('aria-label')") == "a chart"
    source = browser.execute_script("return fetch('links.js').then((answer) => answer.text())")
    assert 'image.referrerPolicy = "no-referrer"' in source


def test_lines_come_live_and_reasons_with_them(
    browser: Any, start_sandbox: StartSandbox, post: Post, clock: Any
) -> None:
    """The open page shows what arrives: message, refusal, repetition and fault, with times between."""
    sandbox = start_sandbox(Robot(keywords=("alert",), name="<b>Ops</b>"))
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".empty:not([hidden]) .curl", 1)
    assert sandbox.webhook_url in browser.execute_script("return document.querySelector('.curl').textContent")
    post(sandbox.webhook_url, text("alert", msgUuid="<u>1</u>"))
    post(sandbox.webhook_url, text("alert", msgUuid="<u>1</u>"))
    clock.now += 600
    post(sandbox.webhook_url, text("x"))
    sandbox.fail_next(Fault.BUSY)
    post(sandbox.webhook_url, text("alert"))
    browser.execute_async_script(WAIT_FOR, ".note", 3)
    notes = browser.execute_script("return [...document.querySelectorAll('.note')].map((note) => note.innerText)")
    assert notes == [
        "repeated msgUuid, not shown again: <u>1</u>",
        "refused: 310000 关键词不匹配",
        "fault on demand: busy",
    ]
    assert browser.execute_script("return document.querySelectorAll('.separator').length") == 2
    assert browser.execute_script("return document.querySelector('.sender-name').textContent") == "<b>Ops</b>"
    assert browser.execute_script("return document.querySelector('.empty').hidden") is True
    sandbox.clear()
    browser.execute_async_script(WAIT_FOR, ".empty:not([hidden])", 1)
    assert browser.execute_script("return document.querySelectorAll('.message, .note').length") == 0


def test_a_connection_test_is_grey(browser: Any, start_sandbox: StartSandbox, post: Post) -> None:
    """It is no error and no news; what is wrong with the connection is named."""
    sandbox = start_sandbox(Robot(), Robot(secret="SEC1"))
    kind = "dingpush_connection_test"
    message = {"msgtype": kind, kind: {"content": "test"}}
    for robot in sandbox.robots:
        post(f"{sandbox.url}/robot/send?access_token={robot.access_token}", message)
    post(f"{sandbox.url}/topapi/v2/user/getbymobile?access_token=wrong", {"mobile": "10000000000"})
    browser.get(f"{sandbox.page_url}#group:1")
    browser.execute_async_script(WAIT_FOR, ".lines .note.tested", 2)
    assert texts(browser, ".lines .note") == [
        "connection test, not sent",
        "connection test, not sent: 310000 机器人发送签名不匹配",
    ]
    assert texts(browser, ".note.refused, .unread:not([hidden])") == []
    assert browser.execute_script("return document.querySelector('.strays.tests-only').hidden") is False
    grounds = browser.execute_script(
        """
        const grey = document.body.appendChild(document.createElement("i"));
        grey.style.background = "var(--note-ground)";
        return [grey, ...document.querySelectorAll(".lines .note-text, .strays")].map(
            (each) => getComputedStyle(each).backgroundColor
        );
        """
    )
    assert len(grounds) == 4
    assert len(set(grounds)) == 1


def test_connection_tests_in_a_row_are_one_note(browser: Any, start_sandbox: StartSandbox, post: Post) -> None:
    """Each run of ``dingpush doctor`` makes one; a message between them is seen where it came."""
    sandbox = start_sandbox(Robot())
    kind = "dingpush_connection_test"
    test = {"msgtype": kind, kind: {"content": "test"}}
    for each in (test, test, test, text("one"), test, test):
        post(sandbox.webhook_url, each)
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".note.tested", 5)
    seen = (
        "[...document.querySelectorAll('.lines > .note, .lines > .message')].filter((each) => each.checkVisibility())"
    )
    assert browser.execute_script(f"return {seen}.map((each) => each.className.split(' ')[0])") == [
        "note",
        "message",
        "note",
    ]


def test_the_page_comes_back_after_an_outage(browser: Any, sandbox: Sandbox, post: Post) -> None:
    """It shows that it lost the server, reconnects by itself and misses nothing."""
    post(sandbox.webhook_url, text("one"))
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".message", 1)
    sandbox.stop()
    browser.execute_async_script(WAIT_FOR, ".state[data-state=lost]", 1)
    sandbox.start()
    post(sandbox.webhook_url, text("two"))
    browser.execute_async_script(WAIT_FOR, ".message", 2)
    drawn = browser.execute_script("return [...document.querySelectorAll('.bubble')].map((bubble) => bubble.innerText)")
    assert drawn == ["one", "two"]


def test_the_newest_is_in_view_unless_the_reader_scrolled_up(browser: Any, sandbox: Sandbox, post: Post) -> None:
    """A reader of old messages stays there, and a button shows that there is more."""
    for number in range(18):
        post(sandbox.webhook_url, text(f"message {number}\n\n\n"))
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".message", 18)
    two_frames = "requestAnimationFrame(() => requestAnimationFrame(arguments[arguments.length - 1]))"
    browser.execute_async_script(two_frames)
    assert browser.execute_script(AT_THE_END) is True
    browser.execute_script("document.querySelector('.scroller').scrollTop = 0")
    browser.execute_async_script(two_frames)
    post(sandbox.webhook_url, text("another"))
    browser.execute_async_script(WAIT_FOR, ".newest:not([hidden])", 1)
    assert browser.execute_script("return document.querySelector('.scroller').scrollTop") == 0
    browser.execute_script("document.querySelector('.newest').click()")
    assert browser.execute_script(AT_THE_END) is True


def test_the_language_can_be_switched_and_is_remembered(show: Callable[..., Any]) -> None:
    """English browser: English first, Chinese by the button, Chinese after a reload."""
    browser = show(text("x"))
    language = "return [document.documentElement.lang, document.querySelector('.robot-tag').textContent]"
    assert browser.execute_script(language) == ["en", "robot"]
    browser.execute_script("document.querySelector('.language').click()")
    assert browser.execute_script(language) == ["zh-CN", "机器人"]
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".message", 1)
    assert browser.execute_script(language) == ["zh-CN", "机器人"]
    browser.execute_script("localStorage.clear()")


@pytest.mark.parametrize("width", [360, 820, 1100])
def test_nothing_is_wider_than_the_screen(browser: Any, show: Callable[..., Any], app: AppClient, width: int) -> None:
    """Long words, long names and many buttons wrap on a phone too."""
    with screen(browser, width):
        app.to_group("sampleText", content="before")
        file_id = app.upload("file", "a.zip", b"PK")
        app.to_group("sampleFile", mediaId=file_id, fileName="n" * 150 + ".zip", fileType="zip")
        app.notification(oa(form=[{"key": "k" * 90, "value": "v" * 90}], title="t" * 90, status="s" * 40), "zhangsan")
        show(
            text("x" * 600),
            markdown("# " + "y" * 300 + "\n\n```\n" + "z" * 400 + "\n```\n\n`" + "w" * 300 + "`"),
            {
                "msgtype": "actionCard",
                "actionCard": {
                    "title": "t",
                    "text": "x",
                    "btnOrientation": "1",
                    "btns": [{"title": "button" * 9, "actionURL": "https://e.com"}] * 4,
                },
            },
            {"msgtype": "link", "link": {"title": "t" * 200, "text": "x" * 300, "messageUrl": "https://e.com"}},
        )
        for key, wanted in (("group:1", ".file-card"), ("notification:zhangsan", ".oa-card")):
            browser.execute_script("location.hash = arguments[0]", key)
            browser.execute_async_script(WAIT_FOR, wanted, 1)
            overflow = browser.execute_script(
                "const s = document.querySelector('.scroller');"
                "return [s.scrollWidth - s.clientWidth, document.documentElement.scrollWidth - innerWidth,"
                " [...document.querySelectorAll('.bubble, .card, .conversation')].filter("
                "(box) => box.getBoundingClientRect().right > innerWidth).length]"
            )
            assert overflow == [0, 0, 0]


def test_the_page_can_be_used_without_seeing_it(show: Callable[..., Any]) -> None:
    """Landmarks, one heading, a live log and a name on everything that can be operated."""
    browser = show(text("x"))
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored", True)
    ]
    assert ("main", "Chat") in nodes
    assert ("complementary", "Conversations") in nodes
    assert ("log", "Messages") in nodes
    assert [name for role, name in nodes if role == "heading"] == ["数据平台告警群 local sandbox"]
    unnamed = [role for role, name in nodes if role in ("button", "link", "DisclosureTriangle") and not name.strip()]
    assert unnamed == []


def test_the_page_logs_no_errors(show: Callable[..., Any]) -> None:
    """Neither script errors nor violations of the page's own policy."""
    browser = show(text("x"), markdown('<font color="#FF0000">a</font>'))
    browser.get_log("browser")
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".message", 2)
    assert browser.get_log("browser") == []


# More than one conversation, and what only apps can send


def oa(
    *,
    title: str = "t",
    form: list[dict[str, str]] | None = None,
    status: str = "",
    color: str = "0xFF78C06E",
    **more: Any,
) -> dict[str, Any]:
    """Return an OA message as work notifications take it."""
    body = {"title": title, "form": form or [], **more}
    message: dict[str, Any] = {
        "message_url": "https://e.com/oa",
        "head": {"bgcolor": "FFBBBBBB", "text": "h"},
        "body": body,
    }
    if status:
        message["status_bar"] = {"status_value": status, "status_bg": color}
    return {"msgtype": "oa", "oa": message}


def png(width: int, height: int) -> bytes:
    """Return a grey picture."""
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    chunks = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")
    written = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def sound() -> bytes:
    """Return a short sound as WAV."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    return written.getvalue()


def test_one_conversation_looks_like_one(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """No choice where there is nothing to choose: neither avatar nor way back, and a phone starts in the chat."""
    app.to_group("sampleText", content="hi")
    seen = "return ['.back', '.chat-avatar', '.conversations', '.chat', '.strays'].map((selector) =>"
    seen += " document.querySelector(selector).checkVisibility())"
    open_page(messages=1)
    assert browser.execute_script(seen) == [False, False, True, True, False]
    assert texts(browser, ".unread") == [""]
    with screen(browser, 390):
        open_page(messages=1)
        assert browser.execute_script("return document.querySelector('.conversations').checkVisibility()") is False
        assert texts(browser, ".bubble") == ["hi"]
        assert texts(browser, ".chat-subtitle") == ["Airflow: hi"]


def test_each_conversation_has_its_own_view(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """A group, two private chats and work notifications, each at its own address, with its own name and lines."""
    app.to_group("sampleText", content="to all")
    app.to_people("sampleText", "zhangsan", "lisi", content="to two")
    app.notification({"msgtype": "text", "text": {"content": "a notification"}}, "zhangsan")
    pages = {}
    for key in ("group:1", "private:zhangsan", "private:lisi", "notification:zhangsan"):
        open_page(key, messages=1)
        (name,) = texts(browser, ".chat-name")
        (subtitle,) = texts(browser, ".chat-subtitle")
        pages[key] = (name, subtitle, texts(browser, ".bubble"))
    assert pages == {
        "group:1": ("数据平台告警群", "Group chat", ["to all"]),
        "private:zhangsan": ("张三", "Private chat with the robot · zhangsan", ["to two"]),
        "private:lisi": ("李四", "Private chat with the robot · lisi", ["to two"]),
        "notification:zhangsan": ("张三", "Work notifications · zhangsan", ["a notification"]),
    }


def test_the_list_shows_what_is_new(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """The newest conversation is on top; what came to others counts until it is looked at, also over a reload."""
    app.to_people("sampleText", "zhangsan", content="one")
    open_page("group:1")
    assert conversations(browser) == [("#private:zhangsan", "one", "1"), ("#group:1", "", "")]
    app.to_people("sampleText", "lisi", "zhangsan", content="two")
    app.to_group("sampleText", content="three")
    browser.execute_async_script(WAIT_FOR, ".message", 1)
    everything = [
        ("#group:1", "Airflow: three", ""),
        ("#private:zhangsan", "two", "2"),
        ("#private:lisi", "two", "1"),
    ]
    assert conversations(browser) == everything
    assert browser.title == "(3) DingTalk sandbox"
    browser.find_element("css selector", "[href='#private:zhangsan']").click()
    browser.execute_async_script(WAIT_FOR, ".message", 2)
    assert texts(browser, ".bubble") == ["one", "two"]
    everything[1] = ("#private:zhangsan", "two", "")
    assert conversations(browser) == everything
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".message", 2)
    assert conversations(browser) == everything
    assert browser.title == "(1) DingTalk sandbox"


def test_an_address_may_name_a_conversation_to_come(
    browser: Any, app: AppClient, open_page: Callable[..., Any], sandbox: Sandbox
) -> None:
    """The page waits for the first message and shows how to send it; without the secret, which is nobody's business."""
    open_page("private:lisi")
    browser.execute_async_script(WAIT_FOR, ".empty:not([hidden]) .by-app[open]", 1)
    ids = dict(zip(texts(browser, ".ids dt"), texts(browser, ".ids dd"), strict=True))
    assert ids == {"AppKey": sandbox.app.app_key, "robotCode": sandbox.app.robot_code, "userId": "lisi"}
    assert sandbox.app.app_secret not in browser.page_source
    app.to_people("sampleText", "lisi", content="hi")
    # The header is drawn once the page has time for it, together with this.
    browser.execute_async_script(WAIT_FOR, ".empty[hidden]", 1)
    assert texts(browser, ".chat-name") == ["李四"]


def test_a_strange_address_opens_the_newest_conversation(
    browser: Any, app: AppClient, open_page: Callable[..., Any]
) -> None:
    """Whatever is behind the "#"."""
    app.to_people("sampleText", "zhangsan", content="hi")
    for key in ("group:7", "%", "nothing", "<b>:x", "private:"):
        open_page(key, messages=1)
        assert texts(browser, ".chat-name") == ["张三"]


def test_ids_of_any_letters_make_addresses(browser: Any, start_sandbox: StartSandbox) -> None:
    """User ids are chosen by companies."""
    user_id = "用户 1%/#:<b>"
    sandbox = start_sandbox(people=(Person(user_id=user_id, name="<i>Ann</i> Lee", mobile="13900000001"),))
    AppClient(sandbox).to_people("sampleText", user_id, content="hi")
    browser.get(f"{sandbox.page_url}#group:1")
    browser.execute_async_script(WAIT_FOR, ".conversation", 2)
    browser.find_element("css selector", ".conversation[href^='#private']").click()
    browser.execute_async_script(WAIT_FOR, ".message", 1)
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".message", 1)
    assert texts(browser, ".chat-name") == ["<i>Ann</i> Lee"]
    assert texts(browser, ".header-text") == [f"Private chat with the robot · {user_id}"]


def test_a_phone_shows_the_list_first(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """Then one conversation, and the way back shows how much waits there."""
    visible = "return ['.conversations', '.chat'].map((part) => document.querySelector(part).checkVisibility())"
    with screen(browser, 390):
        app.to_group("sampleText", content="one")
        app.to_people("sampleText", "zhangsan", content="two")
        open_page()
        browser.execute_async_script(WAIT_FOR, "body.shows-list", 1)
        assert browser.execute_script(visible) == [True, False]
        assert [unread for _, _, unread in conversations(browser)] == ["1", "1"]
        browser.find_element("css selector", "[href='#group:1']").click()
        browser.execute_async_script(WAIT_FOR, "body:not(.shows-list) .message", 1)
        assert browser.execute_script(visible) == [False, True]
        assert texts(browser, ".back-count") == ["1"]
        browser.find_element("css selector", ".back").click()
        browser.execute_async_script(WAIT_FOR, "body.shows-list", 1)
        assert [unread for _, _, unread in conversations(browser)] == ["1", ""]
        assert browser.execute_script("return document.activeElement.getAttribute('href')") == "#group:1"
        browser.back()
        browser.execute_async_script(WAIT_FOR, "body:not(.shows-list)", 1)
        assert browser.execute_script(visible) == [False, True]


def test_pictures_and_files_are_shown(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """A picture loads from the sandbox, a file can be fetched, and both have a name in the list."""
    picture = app.upload("image", "a.png", png(300, 900))
    file = app.upload("file", "a.xlsx", b"x" * 2048)
    for number in range(9):
        app.to_group("sampleText", content=f"above {number}")
    app.to_group("sampleImageMsg", photoURL=picture)
    app.to_group("sampleFile", mediaId=file, fileName="报表 <1>.xlsx", fileType="xlsx")
    open_page("group:1", messages=11)
    width = browser.execute_async_script(
        "const image = document.querySelector('.sent-picture'); const done = arguments[0];"
        "image.decode().then(() => done(image.naturalWidth), () => done('broken'))"
    )
    assert width == 300
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    assert browser.execute_script(AT_THE_END) is True, "the picture has pushed the file out of view"
    assert texts(browser, ".file-name, .file-size, .file-icon") == ["XLSX", "报表 <1>.xlsx", "2.0 KB"]
    fetched = browser.execute_async_script(
        "const link = document.querySelector('a.file-card'); const done = arguments[0];"
        "fetch(link.href).then(async (got) => done([link.download, got.headers.get('Content-Disposition'),"
        " (await got.blob()).size]))"
    )
    assert fetched == ["报表 <1>.xlsx", "attachment; filename*=UTF-8''a.xlsx", 2048]
    assert conversations(browser) == [("#group:1", "Airflow: [File] 报表 <1>.xlsx", "")]
    assert texts(browser, ".sheet") == [], "it is no workbook but for its name"


def zipped_csv(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("日报.csv", text.encode("utf-8-sig"))
    return file.getvalue()


@pytest.mark.parametrize("width", [1100, 390])
def test_first_rows_of_a_sheet_are_shown(
    browser: Any, app: AppClient, open_page: Callable[..., Any], width: int
) -> None:
    """Below the file, as text; a wide one scrolls within its message, also on a phone."""
    hostile = "<script>parent.hacked = 1</script>"
    lines = [f"城市,销售额,{hostile}," + ",".join("wide column" for _ in range(9))]
    lines += [f"上海 {number},{number}.50,x,{'y' * 200}" for number in range(9)]
    file = app.upload("file", "日报.zip", zipped_csv("\n".join(lines)))
    app.to_group("sampleFile", mediaId=file, fileName="日报.zip", fileType="zip")
    with screen(browser, width):
        open_page("group:1", messages=1)
        assert texts(browser, ".sheet caption, .sheet-more") == [
            "Preview · 日报.csv",
            "Only the beginning is shown; download to see all",
        ]
        assert texts(browser, ".sheet th")[:3] == ["城市", "销售额", hostile]
        assert texts(browser, ".sheet tr:nth-child(5) td")[:3] == ["上海 4", "4.50", "x"]
        assert texts(browser, ".sheet td.number") == [f"{number}.50" for number in range(5)]
        assert browser.execute_script("return window.hacked") is None
        assert browser.execute_script(
            "const sheet = document.querySelector('.sheet-scroller');"
            "return [sheet.scrollWidth > sheet.clientWidth,"
            " document.documentElement.scrollWidth <= document.documentElement.clientWidth]"
        ) == [True, True]


def test_voices_and_videos_play_or_can_be_fetched(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """A WAV plays; what this browser can't play turns into a link to the file."""
    voice = app.upload("voice", "a.wav", sound())
    amr = app.upload("voice", "a.amr", b"#!AMR\n")
    cover = app.upload("image", "a.png", png(16, 9))
    video = app.upload("video", "a.mp4", b"no video")
    app.notification({"msgtype": "voice", "voice": {"media_id": voice, "duration": "3"}}, "lisi")
    app.to_group("sampleAudio", mediaId=amr, duration="61000")
    app.to_group("sampleVideo", videoMediaId=video, videoType="mp4", picMediaId=cover, duration="75")
    open_page("notification:lisi", messages=1)
    browser.find_element("css selector", ".voice").click()
    browser.execute_async_script(WAIT_FOR, ".voice.playing", 1)
    assert texts(browser, ".voice") == ["3″"]
    open_page("group:1", messages=2)
    assert texts(browser, ".voice, .video-length") == ["61″", "1:15"]
    browser.execute_script("document.querySelectorAll('.voice, .video-cover').forEach((one) => one.click())")
    browser.execute_async_script(WAIT_FOR, "a.unplayable", 2)
    assert texts(browser, "a.unplayable") == [
        "Voice: this browser can't play it, click to download",
        "Video: this browser can't play it, click to download",
    ]


def test_forms_have_a_status_and_six_rows(
    browser: Any, app: AppClient, open_page: Callable[..., Any], sandbox: Sandbox
) -> None:
    """And the status changes with the message."""
    rows = [{"key": f"k{number}:", "value": f"v{number}"} for number in range(8)]
    task = app.notification(oa(title="Report", form=rows, status="open", content="<b>all</b>", author="ann"), "lisi")
    open_page("notification:lisi", messages=1)
    assert texts(browser, ".oa-card") == [
        "Report\nopen\n" + "\n".join(f"k{number}:\nv{number}" for number in range(6)) + "\n<b>all</b>\nann\nDetails"
    ]
    status = "const pill = document.querySelector('.oa-status');"
    status += "return [pill.textContent, getComputedStyle(pill).backgroundColor]"
    assert browser.execute_script(status) == ["open", "rgb(120, 192, 110)"]
    assert browser.execute_script("return document.querySelector('.oa-card').href") == "https://e.com/oa"
    ids = {"agent_id": sandbox.app.agent_id, "task_id": task, "status_value": "closed", "status_bg": "0xFFF65E5E"}
    assert app.post("/topapi/message/corpconversation/status_bar/update", ids)["errcode"] == 0
    browser.execute_async_script(
        "const done = arguments[0]; new MutationObserver((_, observer) => { observer.disconnect(); done(); })"
        ".observe(document.querySelector('.lines'), { childList: true });"
        "if (document.querySelector('.oa-status').textContent === 'closed') done()"
    )
    assert browser.execute_script(status) == ["closed", "rgb(246, 94, 94)"]
    assert len(texts(browser, ".message")) == 1


def test_senders_show_what_they_are(browser: Any, start_sandbox: StartSandbox, post: Post) -> None:
    """A custom robot or an app; a number only if two share a name."""
    sandbox = start_sandbox(Robot(name="Ops"), apps=(App(name="Twin"), App(name="Twin"), App(name="Only")))
    post(sandbox.webhook_url, text("x"))
    for app in sandbox.apps:
        AppClient(sandbox, app).to_group("sampleText", content="x")
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".message", 4)
    assert texts(browser, ".sender-name") == ["Ops", "Twin 1", "Twin 2", "Only"]
    assert texts(browser, ".robot-tag") == ["robot", "app", "app", "app"]


def test_a_recalled_message_is_marked(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """In the open page and in one that opens later; what it contained can still be looked at."""
    app.to_group("sampleText", content="stays")
    key = app.to_group("sampleText", content="goes")
    open_page("group:1", messages=2)
    app.recall(key)
    browser.execute_async_script(WAIT_FOR, ".recalled", 1)
    for _ in range(2):
        assert texts(browser, ".message .bubble") == ["stays"]
        assert texts(browser, ".recalled") == ["This message was recalled; click to see it"]
        assert conversations(browser) == [("#group:1", "Airflow: recalled a message", "")]
        open_page("group:1", messages=2)
    browser.find_element("css selector", ".recalled summary").click()
    browser.execute_async_script(WAIT_FOR, ".recalled .bubble", 1)
    assert texts(browser, ".recalled .bubble") == ["goes"]


def test_what_reached_no_conversation_is_seen_from_everywhere(
    browser: Any, app: AppClient, open_page: Callable[..., Any], sandbox: Sandbox
) -> None:
    """Wrong credentials, for one, are shown below every view; what a conversation missed is shown in it."""
    app.to_people("sampleText", "zhangsan", content="hi")
    sandbox.fail_next(Fault.BUSY, path="/topapi/v2/user/getbymobile")
    app.post("/topapi/v2/user/getbymobile", {"mobile": "1"})
    with pytest.raises(AssertionError):
        app.post("/v1.0/oauth2/accessToken", {"appKey": "<b>a</b>", "appSecret": "b"})
    with pytest.raises(AssertionError):
        app.to_group("sampleText")
    open_page("private:zhangsan", messages=1)
    assert texts(browser, ".note") == []
    assert texts(browser, ".strays-count") == ["2 requests outside any conversation"]
    assert texts(browser, ".strays-newest .note-text") == [
        "refused: invalidClientIdOrSecret 无效的clientId或者clientSecret"
    ]
    browser.find_element("css selector", ".strays summary").click()
    browser.execute_async_script(WAIT_FOR, ".strays .note", 2)
    assert texts(browser, ".strays-lines .stray-path") == ["/topapi/v2/user/getbymobile", "/v1.0/oauth2/accessToken"]
    (group, _) = conversations(browser)
    assert (group[0], group[2]) == ("#group:1", "1")
    assert group[1].startswith("[refused] ")
    open_page("group:1")
    assert len(texts(browser, ".lines .note.refused")) == 1
    with screen(browser, 390):
        open_page("conversations")
        browser.execute_async_script(WAIT_FOR, "body.shows-list .strays:not([hidden])", 1)
        assert browser.execute_script("return document.querySelector('.strays').checkVisibility()") is True


def test_nothing_that_an_app_sends_is_executed(browser: Any, app: AppClient, open_page: Callable[..., Any]) -> None:
    """Names of files, forms and addresses of pictures are as hostile as any text."""
    code = f"<img src=x onerror='{ATTACK}'>"
    file = app.upload("file", "a.pdf", b"<script>parent.hacked = 1</script>")
    app.to_group("sampleFile", mediaId=file, fileName=code, fileType="pdf")
    app.to_group("sampleLink", title=code, text=code, messageUrl="javascript:hacked=1", picUrl="https://e.com/<b>")
    app.to_group(
        "sampleMarkdown", title=code, text="![a](/media/../x) ![b](/media/%2e%2e/x) ![c](//e.com/x) [d](/media/x)"
    )
    app.to_group("sampleImageMsg", photoURL="https://e.com/a.png?<script>")
    app.to_group("sampleActionCard", title=code, text=code, singleTitle=code, singleURL="javascript:hacked=1")
    open_page("group:1", messages=5)
    look_for_strange_things(browser)
    assert texts(browser, ".file-name") == [code]
    form = [{"key": code, "value": code}]
    app.notification(oa(title=code, form=form, status=code[:20], content=code, author=code), "lisi")
    open_page("notification:lisi", messages=1)
    look_for_strange_things(browser)


def test_the_list_can_be_used_without_seeing_it(app: AppClient, open_page: Callable[..., Any]) -> None:
    """Links with names that show whose conversation it is and what waits there."""
    app.to_people("sampleText", "zhangsan", content="hi")
    app.notification({"msgtype": "text", "text": {"content": "a notification"}}, "zhangsan")
    browser = open_page("group:1")
    browser.execute_async_script(WAIT_FOR, ".conversation", 3)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    links = [node["name"]["value"] for node in tree if node.get("role", {}).get("value") == "link"]
    notification, private = links[1:3]
    assert notification.startswith("张三 notifications")
    assert notification.endswith("a notification 1 unread")
    assert private.endswith("hi 1 unread")
    browser.get_log("browser")
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".conversation", 3)
    assert browser.get_log("browser") == []
