"""A table as a picture: its size, what is drawn where, and what it says about what is left out."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.reports.picture import draw_picture
from tests.reports.awkward_values import AWKWARD, SHANGHAI

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib")

from matplotlib import font_manager, image  # noqa: E402 - what the line above looks for

CITIES = ("北京", "上海", "广州")
SALES = [(city, Decimal("1234567.50") / (n + 1), None if n == 1 else n) for n, city in enumerate(CITIES)]
HAS_CHINESE = any("CJK" in entry.name or "Han Sans" in entry.name for entry in font_manager.fontManager.ttflist)
needs_chinese = pytest.mark.skipif(not HAS_CHINESE, reason="needs Chinese letters (apt-get install fonts-noto-cjk)")


def drawn(columns: Any, rows: Any, **options: Any) -> Any:
    """The picture's pixels: row, column, colour (from 0 to 1)."""
    options = {"title": None, "note": None, "zone": SHANGHAI, "language": "zh", **options}
    return image.imread(io.BytesIO(draw_picture(columns, rows, **options)), format="png")


def is_inked(pixels: Any) -> bool:
    """Whether there is anything dark."""
    return bool((pixels[..., :3].min(axis=2) < 0.5).any())


def inked_columns(pixels: Any) -> Any:
    return (pixels[..., :3].min(axis=2) < 0.5).any(axis=0)


@needs_chinese
def test_size_is_that_of_a_phone() -> None:
    few = drawn(["城市", "销售额", "n"], SALES, title="销售日报", note="前 3 行，共 1,204 行")
    assert few.shape[1] == 750
    many = drawn([f"列 {n}" for n in range(300)], [range(300)] * 5)
    assert 900 < many.shape[1] <= 1080


@needs_chinese
def test_title_note_and_rows_make_it_higher() -> None:
    plain = drawn(["城市"], [["上海"]]).shape[0]
    assert drawn(["城市"], [["上海"], ["北京"]]).shape[0] - plain == pytest.approx(34 * 1.9, abs=1)
    assert drawn(["城市"], [["上海"]], title="标题").shape[0] > plain + 34
    assert drawn(["城市"], [["上海"]], note="前 1 行").shape[0] > plain + 34 * 0.8


@needs_chinese
def test_numbers_are_on_the_right_and_text_on_the_left() -> None:
    pixels = drawn(["x", "n"], [["a", 1], ["b", 22]])
    inner = pixels[:, 28:-28]
    last_row = inner[-28 - 60 : -30]
    inked = inked_columns(last_row)
    assert inked[15:50].any()  # "b" at the left border
    assert inked[-50:-15].any()  # "22" at the right border
    assert not inked[200:-200].any()


@needs_chinese
def test_every_second_row_has_a_background() -> None:
    pixels = drawn(["x"], [["a"], ["b"], ["c"]])
    row = 34 * 1.9
    middles = [round(28 + row * (n + 0.5)) for n in range(4)]
    colours = [tuple((pixels[y, 700, :3] * 255).round().astype(int).tolist()) for y in middles]
    assert colours == [(227, 237, 251), (255, 255, 255), (245, 248, 252), (255, 255, 255)]


@needs_chinese
def test_left_out_rows_and_columns_are_said() -> None:
    rows = [[n] for n in range(101)]
    all_shown, cut_rows = drawn(["n"], rows[:100]), drawn(["n"], iter(rows))
    assert cut_rows.shape[0] - all_shown.shape[0] == pytest.approx(34 * 0.85 * 1.4 + 34 * 0.5, abs=2)
    wide = drawn(["x" * 20] * 9, [["y" * 30] * 9])
    one = drawn(["x" * 20] * 2, [["y" * 30] * 2])
    assert wide.shape[0] > one.shape[0]


@needs_chinese
@pytest.mark.parametrize("language", ["zh", "en"])
def test_awkward_values_are_drawn_without_a_warning(language: str) -> None:
    rows = [[n, each.value] for n, each in enumerate(AWKWARD)]
    assert is_inked(drawn(["$x$ \\alpha", "😀 值"], rows, title="a $ b $ ✅ 🔥", note="𠮷 \ue000", language=language))


@needs_chinese
def test_a_dollar_is_no_formula() -> None:
    plain, formula = drawn(["x"], [["a b"]]), drawn(["x"], [["$a$ b"]])
    width = inked_columns(formula[-80:-35, 28:-28]).nonzero()[0].max()
    assert width > inked_columns(plain[-80:-35, 28:-28]).nonzero()[0].max() + 20


@needs_chinese
def test_no_rows() -> None:
    assert is_inked(drawn(["城市"], [["没有数据"]])[-80:])
    grey = drawn(["城市"], [])[-80:]
    assert grey[..., :3].min() < 0.7
    assert drawn(["city"], [], language="en").shape[1] == 750


def test_no_columns() -> None:
    with pytest.raises(InvalidMessageError, match="without columns"):
        drawn([], [])


@needs_chinese
def test_settings_of_a_site_change_nothing() -> None:
    """Neither styles of matplotlib that a DAG uses for its own charts, nor pyplot."""
    before = drawn(["城市", "n"], SALES and [("上海", -1.5)], title="x")
    with matplotlib.rc_context({"text.usetex": True, "figure.facecolor": "red", "savefig.dpi": 300, "font.size": 40}):
        after = drawn(["城市", "n"], [("上海", -1.5)], title="x")
    assert before.shape == after.shape
    assert abs(before - after).max() < 0.01


def test_pyplot_is_not_loaded() -> None:
    script = (
        "import sys; from datetime import timezone; from airflow_provider_dingpush.reports.picture import draw_picture;"
        "assert 'matplotlib' not in sys.modules;"
        "draw_picture(['a'], [[1]], title='t', note=None, zone=timezone.utc, language='en');"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InvalidMessageError) as raised:
        drawn(["n"], [])
    assert "pip install 'airflow-provider-dingpush[pictures]'" in str(raised.value)
    assert raised.value.in_language("zh").startswith("表格图片需要 matplotlib，但尚未安装。请在每台 worker 上安装：pip")


# A machine whose folders and fontconfig have no font: what is left is DejaVu Sans, which matplotlib brings.
NO_FONTS = """
import os, sys
from datetime import timezone
from matplotlib import font_manager

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.reports.picture import draw_picture

known = font_manager.fontManager.ttflist
known[:] = [entry for entry in known if "mpl-data" in entry.fname]
if sys.argv[1] == "none":
    for folders in ("X11FontDirectories", "OSXFontDirectories"):
        getattr(font_manager, folders, []).clear()
    os.environ["PATH"] = "/nonexistent"
    font_manager._get_fontconfig_fonts.cache_clear()

def draw(text):
    try:
        return draw_picture(["a"], [[text]], title=None, note=None, zone=timezone.utc, language="en")[1:4]
    except InvalidMessageError as error:
        return error.in_language("zh")

print(ascii([draw("only Latin 😀 🛠"), draw("上海")]))
"""


def without_fonts(tmp_path: Path, which: str) -> list[Any]:
    import ast

    env = {**os.environ, "MPLCONFIGDIR": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", NO_FONTS, which]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return list(ast.literal_eval(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of fonts of other systems can't be hidden")
def test_no_font_with_chinese_letters(tmp_path: Path) -> None:
    latin, chinese = without_fonts(tmp_path, "none")
    assert latin == b"PNG"
    assert chinese.startswith("图片中有中文，而本机没有安装中文字体。请在每台 worker 上安装中文字体：")
    assert "fonts-noto-cjk" in chinese
    assert "google-noto-sans-cjk-fonts" in chinese


@needs_chinese
def test_font_that_was_installed_since_is_found(tmp_path: Path) -> None:
    assert without_fonts(tmp_path, "new") == [b"PNG", b"PNG"]


@needs_chinese
def test_times_are_drawn_in_the_zone_of_the_reader() -> None:
    moment = datetime(2026, 11, 28, 1, tzinfo=timezone.utc)
    local, other = drawn(["at"], [[moment]]), drawn(["at"], [[moment]], zone=timezone.utc)
    text = drawn(["at"], [["2026-11-28 09:00:00"]])
    assert abs(local - text).max() < 0.01
    assert abs(other - text).max() > 0.5


@needs_chinese
def test_points_of_floats_align() -> None:
    padded = drawn(["n"], [[1.5], [2.0], [None]])
    assert abs(padded - drawn(["n"], [[Decimal("1.5")], [Decimal("2.0")], [None]])).max() < 0.01
