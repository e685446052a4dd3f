"""The docs site: its list of pages, and what checks it. Building it needs MkDocs, which .ci/run installs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_dingpush
from tests.docs.pages import DOCS, ELSEWHERE, ROOT

LANGUAGES = ("en", "zh")


def navigation(language: str) -> list[str]:
    """The pages that a reader is offered, in their order."""
    lines = (ROOT / ".ci" / "site" / f"{language}.yml").read_text("utf-8").partition("\nnav:\n")[2].splitlines()
    return [found[1] for line in lines if (found := re.match(rf" +- .+: {language}/(\S+)$", line))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_offered_once(language: str) -> None:
    pages = {str(page.relative_to(DOCS / language)) for page in DOCS.glob(f"{language}/**/*.md")}
    if language == "en":
        pages |= set(ELSEWHERE)
    assert sorted(navigation(language)) == sorted(pages)


def test_both_languages_offer_the_pages_in_the_same_order() -> None:
    english, chinese = (navigation(language) for language in LANGUAGES)
    assert [page for page in english if page in chinese] == chinese


def test_the_reference_has_every_public_name() -> None:
    text = "".join(page.read_text("utf-8") for page in sorted(DOCS.glob("en/reference/*.md")))
    shown = set(re.findall(r"^::: airflow_provider_dingpush\.(\S+)$", text, re.MULTILINE))
    assert "errors" in shown  # the whole module, with DingTalkError
    names = {name.rpartition(".")[2] for name in shown} | {"DingTalkError"}
    assert sorted(set(airflow_provider_dingpush.__all__) - names) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_is_the_same_in_both_languages(language: str) -> None:
    for page in DOCS.glob("en/reference/*.md"):
        english, other = (
            each.read_text("utf-8").partition("\n:::")[2] for each in (page, DOCS / language / "reference" / page.name)
        )
        assert english == other


SITE = {
    "zh/index.html": '<a href="../en/">English</a>',
    "en/index.html": '<a href="a/#here">a</a>',
    "en/a/index.html": '<h2 id="here">1. Here</h2>',
    "zh/a/index.html": "",
}


@pytest.mark.parametrize(
    ("page", "html", "wrong"),
    [
        ("en/a/index.html", '<h2 id="here">1. Here</h2><p>1 or 2</p><pre>- a</pre>', ""),
        ("en/a/index.html", '<h2 id="there">1. There</h2>', "en/index.html leads nowhere: a/#here"),
        ("en/b/index.html", "", "in one language only: b/index.html"),
        ("zh/a/index.html", '<img src="../gone.png">', "zh/a/index.html leads nowhere: ../gone.png"),
        (
            "zh/a/index.html",
            '<script src="https://x.org/x.js">',
            "zh/a/index.html asks another host: https://x.org/x.js",
        ),
        ("zh/a/index.html", "<p>one:\n- two</p>", "zh/a/index.html shows Markdown: '- two'"),
        ("zh/a/index.html", "<p>see :class:<code>Text</code></p>", "zh/a/index.html shows Markdown: ':class:'"),
    ],
    ids=["nothing", "anchor", "one language", "picture", "host", "list", "role"],
)
def test_what_is_wrong_with_a_site_is_found(tmp_path: Path, page: str, html: str, wrong: str) -> None:
    for name, text in {**SITE, page: html}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "check_site", tmp_path],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PATH": "", "PYTHONUTF8": "1"},  # no browser: the pages are only read
        check=False,
    )
    assert done.stderr.strip() == wrong
    assert done.returncode == bool(wrong)
