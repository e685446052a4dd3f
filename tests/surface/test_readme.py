"""What README and docs say is held to the code: commands, links, code blocks and tables."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import fields
from pathlib import Path

import pytest

from airflow_provider_dingpush import __version__, cli, errors
from airflow_provider_dingpush.connections import ROBOT_FIELDS
from airflow_provider_dingpush.dingtalk import reply_codes
from airflow_provider_dingpush.log_lines import NOTICE_LOG_LINE, SENT_LOG_LINE
from airflow_provider_dingpush.notifications import CALLBACK_SECONDS
from airflow_provider_dingpush.provider_info import get_provider_info
from airflow_provider_dingpush.sandbox import Fault, Sandbox
from airflow_provider_dingpush.templates import Event, RunFacts

ROOT = Path(__file__).parents[2]
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
PAGES = [
    README,
    README_ZH,
    ROOT / "CHANGELOG.md",
    ROOT / "example_dags" / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted(DOCS.glob("zh/*.md")),
]
PAIRS = [(README, README_ZH), *((DOCS / page.name, page) for page in sorted(DOCS.glob("zh/*.md")))]

FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE_SPAN = re.compile(r"`([^`]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of each fenced block."""
    return [(found["language"], found["code"]) for found in FENCED.finditer(page.read_text("utf-8"))]


def after_mark(page: Path, mark: str) -> str:
    """The bash block that stands right after a mark, found in the way of ``.ci/run``."""
    found = re.search(rf"^<!-- {mark} -->\n```bash\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{name_of(page)} has no bash block right after <!-- {mark} -->"
    return found[1]


def table_under(page: Path, header: str) -> list[list[str]]:
    """Cells of the rows of the table whose first header cell is this."""
    lines = page.read_text("utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names_in(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in CODE_SPAN.findall(cell)]


PYTHON_BLOCKS = [
    pytest.param(code, id=f"{name_of(page)}-{number}")
    for page in PAGES
    for number, (language, code) in enumerate(blocks(page), 1)
    if language == "python"
]


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_commands_stand_where_they_are_looked_for(page: Path) -> None:
    assert after_mark(page, "demo-command").strip().endswith(".venv/bin/dingpush demo")
    assert after_mark(page, "test-command").strip().endswith(".venv/bin/python -m pytest")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        led_to = (page.parent / file).resolve() if file else page
        assert led_to.exists(), f"{target} in {name_of(page)}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", led_to.read_text("utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]


@pytest.mark.parametrize("code", PYTHON_BLOCKS)
def test_python_block_runs(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each block is run as it is; what it sends goes to the sandbox, and test functions in it are run as well."""
    compiled = compile(code, "<docs>", "exec")
    (tmp_path / "templates").mkdir()
    monkeypatch.chdir(tmp_path)
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_DINGTALK_DEFAULT", sandbox.webhook_url)
        namespace: dict[str, object] = {"__name__": "docs"}
        try:
            exec(compiled, namespace)  # noqa: S102 - our own docs
        except ImportError as error:
            if "airflow.sdk" in str(error):
                pytest.skip(f"not on this Airflow: {error}")
            raise
        for name, function in namespace.items():
            if name.startswith("test_") and callable(function):
                function(monkeypatch)


def test_first_example_is_short_and_makes_the_dag() -> None:
    code = next(code for language, code in blocks(README) if language == "python")
    assert len(code.splitlines()) == 8
    namespace: dict[str, object] = {}
    exec(code, namespace)  # noqa: S102 - our own docs
    assert namespace["alert"]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_have_the_same_code(english: Path, chinese: Path) -> None:
    assert blocks(english) == blocks(chinese)


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=name_of)
def test_both_languages_link_each_other(english: Path, chinese: Path) -> None:
    assert os.path.relpath(chinese, english.parent) in LINK.findall(english.read_text("utf-8"))
    assert os.path.relpath(english, chinese.parent) in LINK.findall(chinese.read_text("utf-8"))


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_picture_is_there_and_small(page: Path) -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text("utf-8"))
    assert (ROOT / picture).stat().st_size < 300_000


@pytest.mark.parametrize("page", [README, README_ZH], ids=name_of)
def test_support_table_is_the_tested_matrix(page: Path) -> None:
    matrix = re.search(
        r"^\[tool\.dingpush\.matrix\]\n((?:\".+\n)+)", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert matrix
    tested = {}
    for line in matrix[1].splitlines():
        airflow, *pythons = re.findall(r'"([\d.]+)"', line)
        tested[airflow] = f"{pythons[0]}–{pythons[-1]}"
    lines = page.read_text("utf-8").splitlines()
    header = next(line for line in lines if line.startswith("| Airflow |"))
    airflows = [cell.strip() for cell in header.strip("|").split("|")][1:]
    (pythons,) = table_under(page, "Airflow")
    assert dict(zip(airflows, pythons[1:], strict=True)) == tested


@pytest.mark.parametrize(
    ("page", "header"), [("connection.md", "Extra"), ("zh/connection.md", "字段 | 含义")], ids=["en", "zh"]
)
def test_extras_table_is_the_forms(page: str, header: str) -> None:
    rows = table_under(DOCS / page, header)
    assert [names_in(row[:1]) for row in rows] == [[each.name] for each in ROBOT_FIELDS]


@pytest.mark.parametrize(
    ("page", "header"),
    [
        (README, "Option in `[dingpush]`"),
        (README_ZH, "`[dingpush]` 配置项"),
        (DOCS / "alerts.md", "Option in `[dingpush]`"),
        (DOCS / "zh" / "alerts.md", "`[dingpush]` 配置项"),
    ],
    ids=["README", "README.zh-CN", "alerts", "zh/alerts"],
)
def test_options_table_is_provider_infos(page: Path, header: str) -> None:
    options = get_provider_info()["config"]["dingpush"]["options"]
    assert [names_in(row[:1]) for row in table_under(page, header)] == [[name] for name in options]


@pytest.mark.parametrize("page", ["troubleshooting.md", "zh/troubleshooting.md"])
def test_codes_table_is_what_is_known(page: str) -> None:
    known = {code: {meaning.error.__name__} for code, meaning in reply_codes._MEANINGS.items()}
    security = {meaning.error.__name__ for _, meaning in reply_codes._SECURITY}
    known["310000"] = security | {reply_codes._OTHER_SECURITY.error.__name__}
    rows = table_under(DOCS / page, "errcode")
    assert {row[0]: set(names_in(row[1:2])) for row in rows} == known
    assert len(rows) == len(known)


@pytest.mark.parametrize(("page", "header"), [("alerts.md", "Fact"), ("zh/alerts.md", "名称")])
def test_facts_table_is_complete(page: str, header: str) -> None:
    rows = table_under(DOCS / page, header)
    properties = {name for name, value in vars(RunFacts).items() if isinstance(value, property)}
    told = [name.partition("(")[0] for name in names_in([row[0] for row in rows])]
    assert sorted(told) == sorted({each.name for each in fields(RunFacts)} | properties | {"duration_text"})
    assert set(names_in([rows[0][1]])) == {event.value for event in Event}


def test_error_tree_is_complete() -> None:
    (tree,) = (code for language, code in blocks(DOCS / "messages.md") if language == "text")
    assert sorted(re.findall(r"\b[A-Z]\w+Error\b", tree)) == sorted(errors.__all__)


@pytest.mark.parametrize("page", ["troubleshooting.md", "zh/troubleshooting.md"])
def test_log_lines_to_look_for_are_those_that_are_written(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    assert f"`{NOTICE_LOG_LINE}`" in text
    assert f"`{SENT_LOG_LINE}: …`" in text


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (README, "task callback share {:g} seconds"),
        (README_ZH, "总共最多用 {:g} 秒"),
        (DOCS / "alerts.md", "task callback share {:g} seconds"),
        (DOCS / "zh" / "alerts.md", "总共最多用 {:g} 秒"),
    ],
    ids=["README", "README.zh-CN", "alerts", "zh/alerts"],
)
def test_time_budget_is_told_right(page: Path, words: str) -> None:
    assert words.format(CALLBACK_SECONDS) in page.read_text("utf-8")


def test_every_option_of_the_sandbox_is_told() -> None:
    (commands,) = (each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction))
    options = {flag for action in commands.choices["sandbox"]._actions for flag in action.option_strings}
    told = names_in([row[0] for row in table_under(DOCS / "sandbox.md", "Option")])
    assert set(told) == options - {"-h", "--help"}


def test_faults_named_in_the_docs_exist() -> None:
    named = re.findall(r"Fault\.([A-Z_]+)", (DOCS / "sandbox.md").read_text("utf-8"))
    assert named
    assert set(named) <= {fault.name for fault in Fault}


def test_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == __version__


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_line_holds_what_looks_like_a_real_credential(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not re.search(r"access_token=[0-9A-Za-z]{8}", text)
    assert not re.search(r"SEC[0-9a-f]{8}", text)
