"""Addresses that open in the system's browser."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import Button, Link, browser_link
from airflow_provider_dingpush.messages.browser_links import LINK_FORMS, MAX_LINK_CHARACTERS, read_link_form

URL = "https://airflow.example.com/dags/日报/runs/a b?x=1&y=%2F#z"


def query(link: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}


def test_a_pc_opens_its_browser() -> None:
    """By default, as DingTalk documents it; the whole URL arrives."""
    link = browser_link(URL)
    assert link.startswith("dingtalk://dingtalkclient/page/link?")
    assert query(link) == {"url": URL, "pc_slide": "false"}
    assert not set(link) & set("()<> ")  # nothing in it can end a Markdown link


def test_both_open_their_browser() -> None:
    """The unified jump address has one address for PCs and one for phones; the URL arrives through both."""
    link = browser_link(URL, "browser")
    assert link.startswith("dingtalk://dingtalkclient/action/open_platform_link?")
    inner = query(link)
    assert set(inner) == {"pcLink", "mobileLink"}
    assert inner["pcLink"].startswith("dingtalk://dingtalkclient/page/link?")
    assert query(inner["pcLink"]) == {"url": URL, "pc_slide": "false"}
    assert inner["mobileLink"].startswith("dingtalk://dingtalkclient/action/jump?")
    assert query(inner["mobileLink"]) == {"url": URL}


def test_the_wire_form_is_that_which_was_seen_to_work() -> None:
    """Byte for byte, of a simple URL."""
    once = "https%253A%252F%252Fci.example.test%252Fjob%252F1%252Fconsole"
    assert browser_link("https://ci.example.test/job/1/console", "browser") == (
        "dingtalk://dingtalkclient/action/open_platform_link"
        f"?pcLink=dingtalk%3A%2F%2Fdingtalkclient%2Fpage%2Flink%3Furl%3D{once}%26pc_slide%3Dfalse"
        f"&mobileLink=dingtalk%3A%2F%2Fdingtalkclient%2Faction%2Fjump%3Furl%3D{once}"
    )


def test_other_forms() -> None:
    """None at all, and one that a company knows to work for its clients."""
    assert browser_link(URL, "plain") == URL
    assert query(browser_link(URL, "https://applink.dingtalk.com/page/link?target=x&url={url}")) == {
        "target": "x",
        "url": URL,
    }
    assert browser_link("https://a.b/c d", "x://y?z={url_twice}") == "x://y?z=https%253A%252F%252Fa.b%252Fc%2520d"


@pytest.mark.parametrize("form", ["brwoser", "", "https://example.com", "{url}"])
def test_another_form_is_refused(form: str) -> None:
    """With the list of those that there are."""
    with pytest.raises(InvalidMessageError, match=r"one of plain, pc_browser, browser, or a URL that contains \{url\}"):
        read_link_form(form)


def test_a_template_takes_the_filter() -> None:
    """Percent-encoded, its braces would never be rendered."""
    with pytest.raises(InvalidMessageError, match=r"\| browser_link"):
        browser_link("{{ ti.log_url }}")


@pytest.mark.parametrize("url", ["dingtalk://dingtalkclient/page/link?url=x", "mailto:a@b.c", "", "/relative"])
def test_what_is_no_web_page_stays(url: str) -> None:
    """Also an address that was made already."""
    assert browser_link(url, "browser") == url


@pytest.mark.parametrize("form", LINK_FORMS)
@pytest.mark.parametrize("characters", range(0, 2_400, 50))
def test_a_long_address_takes_a_shorter_form(form: str, characters: int) -> None:
    """A link that opens in the wrong place is better than none; each nesting multiplies what isn't ASCII."""
    url = "https://a.b/" + "日" * (characters // 5)
    link = browser_link(url, form)
    assert len(link) <= MAX_LINK_CHARACTERS or link == url
    Link("t", "x", link)
    Button("open", link)


def test_blanks_and_what_nobody_sees_around_a_url_go() -> None:
    """Or it would pass for something else than a URL, and open inside DingTalk."""
    assert browser_link("\u200b https://a.example.com/x\n") == browser_link("https://a.example.com/x")
