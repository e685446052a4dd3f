"""Tables as workbooks, zipped csv files and pictures, sent through an app."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest

from airflow_provider_dingpush.airflow_compat import mask_secret
from airflow_provider_dingpush.errors import UnsupportedMessageError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook
from airflow_provider_dingpush.operators import DingTalkOperator
from airflow_provider_dingpush.reports.table import Table
from airflow_provider_dingpush.sandbox import Sandbox
from airflow_provider_dingpush.targets import Users

NUMBERS = [(number, f"城市 {number}") for number in range(1, 51)]


def table(render: str, **more: Any) -> Table:
    return Table.from_rows(iter(NUMBERS), columns=["n", "city"], title="日报 a/b", render=render, **more)


def sent(sandbox: Sandbox, message: Any) -> tuple[dict[str, Any], list[str]]:
    """The receipt, and the kind of each message that arrived."""
    to = Users([sandbox.people[0].user_id])
    receipt = DingTalkAppHook().send(message, to=to)
    return receipt.to_dict(), [each.shown["msgtype"] for each in sandbox.messages]


def values_in(content: bytes) -> list[tuple[Any, ...]]:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    return list(openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))


def test_a_workbook_has_all_rows(app_connected: Sandbox) -> None:
    """Read once, and written as they come."""
    pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    receipt, kinds = sent(app_connected, table("workbook"))
    assert (kinds, receipt["rows"], receipt["parts"]) == (["file"], 50, 1)
    assert "日报 a_b.xlsx" in str(app_connected.messages[0].payload)
    rows = values_in(app_connected.media[-1].content)
    assert (rows[0], rows[1], len(rows)) == (("n", "city"), (1, "城市 1"), 51)


def test_an_intro_and_what_is_left_out_come_before_the_file(app_connected: Sandbox) -> None:
    """A file can't carry them."""
    pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    receipt, kinds = sent(app_connected, table("workbook", intro="**昨日**", max_rows=10))
    assert (kinds, receipt["rows"], receipt["parts"]) == (["markdown", "file"], 50, 2)
    assert len(receipt["process_query_keys"]) == 2
    assert "### 日报 a/b\n\n**昨日**\n\n前 10 行，共 50 行" in app_connected.messages[0].shown["markdown"]["text"]
    assert len(values_in(app_connected.media[-1].content)) == 11


def test_a_csv_is_in_a_zip(app_connected: Sandbox) -> None:
    """With the mark that Excel needs."""
    pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    _, kinds = sent(app_connected, table("csv"))
    assert kinds == ["file"]
    with zipfile.ZipFile(io.BytesIO(app_connected.media[-1].content)) as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode("utf-8-sig")
    assert name == "日报 a_b.csv"
    assert list(csv.reader(io.StringIO(text)))[:2] == [["n", "city"], ["1", "城市 1"]]


def test_a_picture_is_a_picture(app_connected: Sandbox) -> None:
    """Of the first rows."""
    pytest.importorskip("matplotlib", reason="matplotlib isn't installed: pip install matplotlib")
    receipt, kinds = sent(app_connected, Table(["n", "city"], [(1, "a")], render="picture"))
    assert (kinds, receipt["rows"]) == (["image"], 1)
    assert app_connected.media[-1].content.startswith(b"\x89PNG")


@pytest.mark.parametrize("render", ["workbook", "csv", "picture"])
def test_no_rows_are_a_text(app_connected: Sandbox, render: str) -> None:
    """Nobody opens an empty workbook."""
    receipt, kinds = sent(app_connected, Table(["n"], iter(()), title="日报", render=render))
    assert (kinds, receipt["rows"]) == (["markdown"], 0)
    assert app_connected.messages[0].shown["markdown"]["text"] == "### 日报\n\n没有数据（0 行）。"


def test_secrets_in_a_workbook_are_masked(app_connected: Sandbox) -> None:
    """As in any message; also within a value of JSON."""
    pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    mask_secret("hunter_2_secret")
    sent(app_connected, Table(["a", "b"], [("hunter_2_secret", {"p": ["hunter_2_secret"]})], render="workbook"))
    assert "hunter" not in str(values_in(app_connected.media[-1].content))


@pytest.mark.parametrize("render", ["workbook", "csv", "picture"])
def test_a_robot_can_carry_none(connected: Sandbox, render: str) -> None:
    """The error names the channel that can, and nothing is read."""
    rows = iter(NUMBERS)
    with pytest.raises(UnsupportedMessageError, match="'dingtalk_app'") as caught:
        DingTalkRobotHook().send(Table(["n", "city"], rows, render=render))
    assert next(rows) == NUMBERS[0]
    assert "企业应用" in caught.value.in_language("zh")


def test_an_operator_sends_the_file_of_another_task(app_connected: Sandbox) -> None:
    """In the plain form that XCom holds."""
    pytest.importorskip("openpyxl", reason="openpyxl isn't installed: pip install openpyxl")
    to = {"user_ids": [app_connected.people[0].user_id]}
    operator = DingTalkOperator(
        task_id="t", message=table("workbook").to_dict(), dingtalk_conn_id="dingtalk_app_default", to=to
    )
    operator.render_template_fields({})
    assert operator.execute({})["rows"] == 50
