"""The chat page in a real browser: each message type is drawn right, and nothing a message contains is executed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.sandbox import Fault, Robot, Sandbox

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
    ("table", "|a|b|\n|-|-|", "<p>|a|b|\n|-|-|</p>"),
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
    assert all(address.startswith(("https://e.com", "http://e.com")) for address in found["addresses"])
    assert {tuple(link) for link in found["links"]} <= {("_blank", "noopener noreferrer")}
    assert all(style == "color: rgb(255, 0, 0);" for style in found["styles"])
    assert len(browser.window_handles) == 1


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


def test_the_page_comes_back_after_an_outage(browser: Any, sandbox: Sandbox, post: Post) -> None:
    """It says that it lost the server, reconnects by itself and misses nothing."""
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
    """A reader of old messages is not torn away, but told."""
    for number in range(18):
        post(sandbox.webhook_url, text(f"message {number}\n\n\n"))
    browser.get(sandbox.page_url)
    browser.execute_async_script(WAIT_FOR, ".message", 18)
    two_frames = "requestAnimationFrame(() => requestAnimationFrame(arguments[arguments.length - 1]))"
    browser.execute_async_script(two_frames)
    at_the_end = (
        "const s = document.querySelector('.scroller'); return s.scrollHeight - s.scrollTop - s.clientHeight < 2"
    )
    assert browser.execute_script(at_the_end) is True
    browser.execute_script("document.querySelector('.scroller').scrollTop = 0")
    browser.execute_async_script(two_frames)
    post(sandbox.webhook_url, text("another"))
    browser.execute_async_script(WAIT_FOR, ".newest:not([hidden])", 1)
    assert browser.execute_script("return document.querySelector('.scroller').scrollTop") == 0
    browser.execute_script("document.querySelector('.newest').click()")
    assert browser.execute_script(at_the_end) is True


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
def test_nothing_is_wider_than_the_screen(browser: Any, show: Callable[..., Any], width: int) -> None:
    """Long words and many buttons wrap on a phone too."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
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
        overflow = browser.execute_script(
            "const s = document.querySelector('.scroller');"
            "return [s.scrollWidth - s.clientWidth, document.documentElement.scrollWidth - innerWidth,"
            " [...document.querySelectorAll('.bubble, .card')].filter("
            "(box) => box.getBoundingClientRect().right > innerWidth).length]"
        )
        assert overflow == [0, 0, 0]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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
    assert [name for role, name in nodes if role == "heading"] == ["Airflow alerts local sandbox"]
    unnamed = [role for role, name in nodes if role in ("button", "link", "DisclosureTriangle") and not name.strip()]
    assert unnamed == []


def test_the_page_logs_no_errors(show: Callable[..., Any]) -> None:
    """Neither script errors nor violations of the page's own policy."""
    browser = show(text("x"), markdown('<font color="#FF0000">a</font>'))
    browser.get_log("browser")
    browser.refresh()
    browser.execute_async_script(WAIT_FOR, ".message", 2)
    assert browser.get_log("browser") == []
