"""Tables and lists in Markdown: what they look like, and that they always fit."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.errors import MessageTooLongError
from airflow_provider_dingpush.messages import At
from airflow_provider_dingpush.messages.line_breaks import breaking
from airflow_provider_dingpush.messages.sizes import json_bytes
from airflow_provider_dingpush.reports.markdown import Readers, markdown_table
from airflow_provider_dingpush.reports.table import Table

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
SHANGHAI = timezone(timedelta(hours=8))
ROBOT, WORK_NOTIFICATION = 18_000, 1_700
AWKWARD = [
    (None, 1204, "a|b\nc `d` [e](https://example.com/f) *g*"),
    ("", 1e20, "@13800000000 @所有人 a.b@example.com <font color=red>"),
    ("NULL", Decimal("0.10"), "1. # > \\| \u200b\u202e🙂👨‍👩‍👧"),
    (date(1899, 12, 31), -5, b"\x00\xff"),
    (datetime(2026, 11, 28, 1, tzinfo=timezone.utc), 0.5, {"k": [1, None]}),
    ("x" * 2**20, 3, "\u3000\t"),
]


def readers(language: str = "zh") -> Readers:
    return Readers(SHANGHAI, language, lambda text: text.replace("hunter_2", "***"))


def written(table: Table, room: int = ROBOT, language: str = "zh") -> str:
    found = markdown_table(table, room, readers(language))
    assert json_bytes(found.text) <= room
    return found.text


TABLES: dict[str, tuple[Table, int]] = {
    "awkward_table": (
        Table(["a", "数量", "a"], AWKWARD, title="日报 *1*", intro="**昨日**：[看板](https://x.cn/)"),
        ROBOT,
    ),
    "awkward_list": (Table(["a", "数量", "a"], AWKWARD, render="list"), ROBOT),
    "many_rows": (Table(["订单号", "金额"], [(i, i * 1000) for i in range(1204)], max_rows=3), ROBOT),
    "many_rows_list": (Table(["城市", "金额"], [("上海", i) for i in range(1204)], render="list", max_rows=3), ROBOT),
    "one_column_list": (Table(["城市"], [("上海",), ("北京",)], render="list"), ROBOT),
    "one_row": (Table([f"指标{i}" for i in range(6)], [tuple(range(1000, 1006))], title="今日"), ROBOT),
    "five_columns": (Table([f"c{i}" for i in range(5)], [tuple(range(5))] * 2), ROBOT),
    "many_columns": (Table([f"col_{i}" for i in range(300)], [tuple(range(300))] * 2), WORK_NOTIFICATION),
    "many_columns_table": (
        Table([f"col_{i}" for i in range(300)], [tuple(range(300))] * 2, render="table"),
        WORK_NOTIFICATION,
    ),
    "empty": (Table(["a"], [], title="无"), ROBOT),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", TABLES)
def test_the_text_is_the_golden_one(name: str, language: str) -> None:
    """After a change on purpose: run once with UPDATE_GOLDEN=1 and read the difference."""
    table, room = TABLES[name]
    text = f"{written(table, room, language)}\n"
    golden = GOLDEN / f"{name}.{language}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_line_breaks_of_messages_change_nothing(name: str) -> None:
    """Every channel adds blanks to lines that would be joined; in a table they would be a cell's."""
    text = written(*TABLES[name])
    assert breaking(text) == text


@pytest.mark.parametrize("render", ["table", "list"])
@pytest.mark.parametrize("columns", [1, 2, 4, 40])
@pytest.mark.parametrize("room", [1_000, 1_700, 5_000])
@pytest.mark.parametrize("cell", ["x", "🙂" * 300, "*_`" * 200, '"\\' * 199, "汉" * 5_000], ids=len)
def test_it_always_fits_and_says_what_is_left_out(render: str, columns: int, room: int, cell: str) -> None:
    """Whatever is in the cells: nothing is dropped in silence."""
    table = Table(["名" * 30] * columns, [(cell,) * columns] * 50, render=render, title="t", intro="i" * 5_000)
    text = written(table, room)
    assert "共 50 行" in text
    assert "此处省略" in text
    assert len(cell) == 1 or "处内容过长" in text


def test_no_room_at_all_is_refused() -> None:
    """Rather than an empty table."""
    with pytest.raises(MessageTooLongError, match="Not even one value"):
        written(Table(["a" * 50], [("b" * 50,)]), 90)


def test_a_cut_never_splits_a_character() -> None:
    """A family of emojis is one, and so is a flag."""
    family = "👨‍👩‍👧"
    text = written(Table(["a"], [(family * 30,)], render="table"))
    assert f"{family}…" in text


@pytest.mark.parametrize("render", ["table", "list"])
def test_no_cell_mentions_anybody(render: str) -> None:
    """Also where the person is mentioned by the message: that is at its end."""
    text = written(Table(["a", "b"], [("@13800000000", "x@boss")] * 2, render=render))
    at = At(mobiles=["13800000000"], user_ids=["boss"])
    assert not at.named_in(text)
    assert "a@example.com" in written(Table(["a"], [("a@example.com",)]))


@pytest.mark.parametrize("render", ["table", "list"])
def test_secrets_are_masked_before_they_are_escaped_or_cut(render: str) -> None:
    """Escaped or cut in two, nobody would recognise them."""
    values: list[tuple[Any, ...]] = [("hunter_2",), ({"p": "hunter_2"},), ("y" * 36 + "hunter_2",)]
    text = written(Table(["hunter_2"], values, render=render, title="hunter_2", intro="hunter_2"))
    assert "hunter" not in text
    assert text.count("\\*\\*\\*") + text.count("***") >= 5


@pytest.mark.parametrize("render", ["table", "list"])
def test_a_minus_is_no_list(render: str) -> None:
    """Only where it begins a line it would be one; elsewhere nothing stands before it, which some clients show."""
    assert ("\\-5" in written(Table(["n"], [(-5,), (-6,)], render=render))) == (render == "list")
    assert "\\" not in written(Table(["a", "b"], [("x", -5), ("y", -6)], render=render))


def test_all_rows_of_a_stream_are_counted() -> None:
    """Even though few are shown."""
    found = markdown_table(Table(["n"], ((i,) for i in range(100_000))), ROBOT, readers())
    assert found.total == 100_000
    assert "前 20 行，共 100,000 行" in found.text
