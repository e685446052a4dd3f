"""Every link leads to a file and a heading that exist; those to other sites are not followed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, LINK, PAGES, ROOT, anchors, name_of, prose

REPOSITORY = "https://github.com/airflow-provider-dingpush/airflow-provider-dingpush/"
SITE = "https://airflow-provider-dingpush.github.io/airflow-provider-dingpush/"
# Files that are no pages name pages, too.
OTHERS = [
    ROOT / "pyproject.toml",
    *sorted(ROOT.glob(".github/**/*.yml")),
    *sorted(ROOT.glob(".github/**/*.md")),
    *sorted(ROOT.glob("airflow_provider_dingpush/**/*.py")),
]


def wrong_links(page: Path) -> list[str]:
    wrong = []
    for target in LINK.findall(prose(page)):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        led_to = (page.parent / file).resolve() if file else page
        if not led_to.exists() or (anchor and anchor not in anchors(led_to)):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert wrong_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](#one) [b](#two) [c](page.md#one) [d](page.md#three) [e](gone.md)\n", "utf-8")
    assert wrong_links(page) == ["#two", "page.md#three", "gone.md"]


def within_the_repository(text: str) -> list[tuple[Path, str]]:
    """File and anchor of each address of a file of this repository, or of a page of its site."""
    files = re.findall(rf"{REPOSITORY}(?:blob|tree|edit)/main/([^\s)\"'`#>]*)#?([^\s)\"'`>]*)", text)
    found = [(ROOT / name, anchor) for name, anchor in files]
    for name, anchor in re.findall(rf"{SITE}((?:en|zh)/[^\s)\"'`#>]*)#?([^\s)\"'`>]*)", text):
        page = DOCS / f"{name.rstrip('/')}.md"
        found.append((page if page.exists() else DOCS / name / "index.md", anchor))
    return found


@pytest.mark.parametrize("file", [*PAGES, *OTHERS], ids=name_of)
def test_addresses_within_the_repository_lead_somewhere(file: Path) -> None:
    for led_to, anchor in within_the_repository(file.read_text("utf-8")):
        assert led_to.exists(), f"{led_to} in {name_of(file)}"
        assert not anchor or anchor in anchors(led_to), f"#{anchor} of {led_to} in {name_of(file)}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*/**/*.md")), ids=name_of)
def test_a_page_leads_to_pages_of_its_own_language(page: Path) -> None:
    """But for the line below the title, which leads to the same page in the other language."""
    language = page.relative_to(DOCS).parts[0]
    text = re.sub(r"\A# .+\n\n\[(?:中文|English)\]\([^)]+\)\n", "", prose(page))
    led_to = [
        (page.parent / target.partition("#")[0]).resolve() for target in LINK.findall(text) if "://" not in target
    ]
    strange = [each for each in led_to if DOCS in each.parents and each.relative_to(DOCS).parts[0] in {"en", "zh"}]
    strange = [each for each in strange if each.relative_to(DOCS).parts[0] != language]
    # A page that isn't translated yet may be linked.
    assert [
        each
        for each in strange
        if (DOCS / language / each.relative_to(DOCS / each.relative_to(DOCS).parts[0])).exists()
    ] == []
