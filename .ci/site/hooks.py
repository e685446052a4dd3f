"""What MkDocs does differently here: one language of two is built, and pages are read on GitHub as well."""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parents[2]
_REPOSITORY = "https://github.com/airflow-provider-dingpush/airflow-provider-dingpush/blob/main/"
_PUBLISHED = "https://airflow-provider-dingpush.github.io/airflow-provider-dingpush/"
# English pages that lie elsewhere in the repository, where people look for them.
_ELSEWHERE = {"en/changelog.md": "CHANGELOG.md", "en/examples.md": "example_dags/README.md"}
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?P<file>[^)\s#]+)(?P<anchor>#[^)\s]*)?(?=\))")
# The line below the title that leads to the other language on GitHub; the site has a switch.
_OTHER_LANGUAGE = re.compile(r"\A(# .+\n\n)\[(?:中文|English)\]\([^)]+\)\n\n")
_CODE = re.compile(r"(^ *```.*?^ *```$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_ALTERNATE = re.compile(r' *<link rel="alternate"[^>]*>\n?')
# A line break between two Chinese characters, which a browser would show as a space.
_CHINESE = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
_BREAK_IN_CHINESE = re.compile(rf"(?<={_CHINESE})\n(?={_CHINESE})")


def on_startup(**_: object) -> None:
    """Let jieba, which cuts Chinese text into words, be quiet about it."""
    logging.getLogger("jieba").setLevel(logging.WARNING)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, and publish ``en/alerts.md`` as ``alerts/`` below the site of its language."""
    language = str(config.theme["language"])
    for page, source in _ELSEWHERE.items():
        if page.startswith(f"{language}/"):
            files.append(File.generated(config, page, content=(_ROOT / source).read_text("utf-8")))
    for file in files:
        if file.src_uri.startswith(f"{language}/"):
            file.dest_uri = file.dest_uri.removeprefix(f"{language}/")
            file.url = file.url.removeprefix(f"{language}/") or "./"
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Lead links out of the folder of this language to the other language, or to GitHub."""
    language = str(config.theme["language"])
    source = _ELSEWHERE.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def led(link: re.Match[str]) -> str:
        anchor = link["anchor"] or ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["file"]))
        for name, place in _ELSEWHERE.items():
            if target == place and name.startswith(f"{language}/"):
                target = f"docs/{name}"
        if not target.startswith("docs/"):
            return f"{_REPOSITORY}{target}{anchor}"
        within = target.removeprefix("docs/")
        other = {"en": "zh/", "zh": "en/"}[language]
        if within.startswith(other):
            page_url = within.removesuffix(".md").removesuffix("/index")
            return f"{_PUBLISHED}{page_url}/{anchor}"
        return posixpath.relpath(within, posixpath.dirname(page.file.src_uri)) + anchor

    parts = _CODE.split(_OTHER_LANGUAGE.sub(r"\1", markdown))
    return "".join(part if number % 2 else _LINK.sub(led, part) for number, part in enumerate(parts))


def on_page_content(html: str, **_: object) -> str:
    """Join the lines of Chinese paragraphs; what stands in code blocks stays as it is."""
    parts = re.split(r"(<pre.*?</pre>)", html, flags=re.DOTALL)
    return "".join(each if each.startswith("<pre") else _BREAK_IN_CHINESE.sub("", each) for each in parts)


def on_page_context(context: dict[str, Any], page: Page, config: MkDocsConfig, **_: object) -> dict[str, Any]:
    """Lead the switch of languages to the same page."""
    for each in config.extra["alternate"]:
        each["link"] = f"../{each['lang']}/{page.url.removeprefix('./')}"
    return context


def on_post_page(output: str, **_: object) -> str:
    """Drop what makes the theme's script look for the same page by itself: it works at one address only."""
    return _ALTERNATE.sub("", output)
