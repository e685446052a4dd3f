"""The pages that people read: where they are, and what is in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
PAGES = [
    README,
    README_ZH,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    ROOT / "example_dags" / "README.md",
    *sorted(DOCS.glob("en/**/*.md")),
    *sorted(DOCS.glob("zh/**/*.md")),
]
# English pages that lie outside docs/, where people look for them; the site has them too (.ci/site/hooks.py).
ELSEWHERE = {"changelog.md": ROOT / "CHANGELOG.md", "examples.md": ROOT / "example_dags" / "README.md"}

FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
PICTURE = re.compile(r"!\[(?P<says>[^\]]*)\]\((?P<target>[^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")


def english_page(name: str) -> Path:
    """The English page of this name below ``docs/zh``."""
    return ELSEWHERE.get(name, DOCS / "en" / name)


PAIRS = [
    (README, README_ZH),
    *((english_page(str(page.relative_to(DOCS / "zh"))), page) for page in sorted(DOCS.glob("zh/**/*.md"))),
]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of each fenced block."""
    return [(found["language"], found["code"]) for found in FENCED.finditer(page.read_text("utf-8"))]


def after_mark(page: Path, mark: str) -> str:
    """The bash block right after a mark, found in the way of ``.ci/run``."""
    found = re.search(rf"^<!-- {mark} -->\n```bash\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{name_of(page)} has no bash block right after <!-- {mark} -->"
    return found[1]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCED.sub("", page.read_text("utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    return [(len(marks), text) for marks, text in re.findall(r"^(#+) (.+)$", prose(page), re.MULTILINE)]


def anchors(page: Path) -> list[str]:
    """What a link to one of the headings ends with, on GitHub and on the site."""
    return [re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in headings(page)]


def rows_of(lines: list[str]) -> list[list[str]]:
    """Cells of the first lines that are rows of a table."""
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def tables(page: Path) -> list[list[list[str]]]:
    """Rows of cells of each table, without its header."""
    lines = prose(page).splitlines()
    return [rows_of(lines[place + 1 :]) for place, line in enumerate(lines) if re.fullmatch(r"\|(:?-+:?\|)+", line)]


def tables_under(page: Path, header: str) -> list[list[list[str]]]:
    """Cells of the rows of each table whose first header cell is this."""
    lines = page.read_text("utf-8").splitlines()
    return [rows_of(lines[place + 2 :]) for place, line in enumerate(lines) if line.startswith(f"| {header} |")]


def table_under(page: Path, header: str) -> list[list[str]]:
    """Those of the first such table."""
    return tables_under(page, header)[0]


def names_in(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in CODE_SPAN.findall(cell)]


def pictures_in(page: Path) -> list[tuple[str, Path]]:
    """What each picture of our own is said to show, and its file."""
    found = PICTURE.findall(prose(page))
    return [(says, (page.parent / target).resolve()) for says, target in found if "://" not in target]
