"""Links that DingTalk opens in the system's browser, where people are logged in, instead of in its own view.

A plain URL opens inside DingTalk: on a PC in its side panel, on a phone in its own view. Known about the other forms:

- ``page/link`` with ``pc_slide=false`` is documented for the PC, where it opens the browser. On a phone it opens inside
  DingTalk.
- ``open_platform_link``, the unified jump address, is documented as well: one URL for PCs and one for phones. That
  ``action/jump`` as the latter opens a phone's browser isn't documented any more; the maintainers of a widely used
  plugin observed it with a real robot in 2026-09, on a card's buttons. On a PC ``action/jump`` alone opens nothing.
"""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import holds_jinja
from airflow_provider_dingpush.messages.input_text import edges_clean

PC_BROWSER = "pc_browser"
LINK_FORMS = {
    "plain": "",
    PC_BROWSER: "dingtalk://dingtalkclient/page/link?url={url}&pc_slide=false",
    "browser": "dingtalk://dingtalkclient/action/open_platform_link"
    "?pcLink=dingtalk%3A%2F%2Fdingtalkclient%2Fpage%2Flink%3Furl%3D{url_twice}%26pc_slide%3Dfalse"
    "&mobileLink=dingtalk%3A%2F%2Fdingtalkclient%2Faction%2Fjump%3Furl%3D{url_twice}",
}
"""Name -> the link. ``{url}`` is the URL percent-encoded, ``{url_twice}`` the same encoded again."""

MAX_LINK_CHARACTERS = 2_000
"""A form that makes a longer link isn't used: browsers and DingTalk may cut it."""


def browser_link(url: str, form: str = PC_BROWSER) -> str:
    """A link that makes DingTalk open a URL in the system's browser, for links and buttons of messages.

    ::

        Button("Open the report", browser_link("https://bi.example.com/reports/7"))

    In a template write ``{{ url | browser_link }}``, which uses the form of the option ``[dingpush] links``.

    :param url: an http or https URL, also with blanks around it. Any other is returned unchanged.
    :param form: ``pc_browser`` opens a PC's browser, and a view inside DingTalk on a phone; ``browser`` opens the
        browser on both, as far as is known (see this module); ``plain`` leaves it to DingTalk. Or a custom link with
        ``{url}``, or with ``{url_twice}`` if the URL is in a URL within a URL. If the link would be longer than 2,000
        characters, a shorter form is used.
    :raises InvalidMessageError: for another form, and for a URL that is still to be rendered.
    """
    if holds_jinja(url):
        raise InvalidMessageError(
            "browser_link() was called with a template, whose URL isn't known yet.",
            "Use the filter in the template instead: {{ … | browser_link }}. 请在模板中使用过滤器 browser_link。",
        )
    url = edges_clean(url)
    if not url.lower().startswith(("http://", "https://")):
        return url
    once = quote(url, safe="")
    for name in (read_link_form(form), PC_BROWSER):
        pattern = LINK_FORMS.get(name, name)
        link = pattern.replace("{url_twice}", quote(once, safe="")).replace("{url}", once) or url
        if len(link) <= MAX_LINK_CHARACTERS:
            return link
    return url


def read_link_form(value: str) -> str:
    """Read a form of links from a setting.

    :raises InvalidMessageError: for an unknown one.
    """
    form = value.strip()
    if form not in LINK_FORMS and not ("://" in form and ("{url}" in form or "{url_twice}" in form)):
        raise InvalidMessageError(
            f"Unknown form of links: {form[:40]!r}.",
            f"It must be one of {', '.join(LINK_FORMS)}, or a URL that contains {{url}}. "
            f"可选值：{'、'.join(LINK_FORMS)}，或包含 {{url}} 的地址。",
        )
    return form
