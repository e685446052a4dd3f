"""Addresses that DingTalk opens in the system's browser, where people are logged in, and not inside itself.

A plain address opens inside DingTalk: on a PC in its side panel, on a phone in its own view. What is known of the
other forms:

- ``page/link`` with ``pc_slide=false`` is documented for the PC, where it opens the browser. On a phone it opens inside
  DingTalk.
- ``open_platform_link``, the unified jump address, is documented too: one address for PCs and one for phones. That
  ``action/jump`` as the latter opens a phone's browser isn't documented any more; the maintainers of a widely used
  plugin saw it with a real robot in 2026-09, on the buttons of a card. On a PC ``action/jump`` alone opens nothing.
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
"""Name -> the address that is made. ``{url}`` is the URL percent-encoded, ``{url_twice}`` the same encoded again."""

MAX_LINK_CHARACTERS = 2_000
"""A form that makes a longer address isn't used: browsers and DingTalk begin to cut there."""


def browser_link(url: str, form: str = PC_BROWSER) -> str:
    """The address that makes DingTalk open a URL in the system's browser, for links and buttons of messages.

    ::

        Button("Open the report", browser_link("https://bi.example.com/reports/7"))

    In a template write ``{{ url | browser_link }}``, which takes the form that ``[dingpush] links`` names.

    :param url: an http or https URL, also with blanks around it. Any other is returned as it is.
    :param form: ``pc_browser`` opens a PC's browser, and a view inside DingTalk on a phone; ``browser`` opens the
        browser on both, as far as is known (see this module); ``plain`` leaves it to DingTalk. Or an address of your
        own with ``{url}``, or ``{url_twice}`` where the URL stands in an address within an address. One that would be
        longer than 2,000 characters gives way to a shorter form.
    :raises InvalidMessageError: for another form, and for a URL that is still to be rendered.
    """
    if holds_jinja(url):
        raise InvalidMessageError(
            "browser_link() was given a template, whose URL isn't known yet.",
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
    """The form that a setting names.

    :raises InvalidMessageError: if it names none.
    """
    form = value.strip()
    if form not in LINK_FORMS and not ("://" in form and ("{url}" in form or "{url_twice}" in form)):
        raise InvalidMessageError(
            f"Links can't be made in the form {form[:40]!r}.",
            f"It must be one of {', '.join(LINK_FORMS)}, or an address with {{url}} in it. "
            f"可选值：{'、'.join(LINK_FORMS)}，或包含 {{url}} 的地址。",
        )
    return form
