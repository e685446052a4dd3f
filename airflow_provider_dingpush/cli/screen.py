"""The output of a command: one language per run; tables and colour on a terminal, plain text otherwise."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from airflow_provider_dingpush.cli.standard_output import answers

Texts = Mapping[str, tuple[str, str]]
"""Name of a text -> the text in English and in Chinese, with placeholders for its values."""

# Singular, plural, Chinese with its measure word.
_NOUNS = {
    "baseline": ("baseline", "baselines", "条基线"),
    "alert": ("alert", "alerts", "条告警"),
    "event": ("event", "events", "个事件"),
    "dead letter": ("dead letter", "dead letters", "条死信"),
    "more gap": ("more gap", "more gaps", "次"),
    "incident": ("incident", "incidents", "个故障"),
    "open incident": ("open incident", "open incidents", "个未恢复的故障"),
    "message": ("message", "messages", "条消息"),
    "DAG": ("DAG", "DAGs", "个 DAG"),
    "person": ("person", "people", "人"),
    "problem": ("problem", "problems", "项"),
    "receiver": ("receiver", "receivers", "个接收方"),
    "rotation": ("rotation", "rotations", "个轮值"),
    "rule": ("rule", "rules", "条规则"),
    "time interval": ("time interval", "time intervals", "个时间段"),
    "warning": ("warning", "warnings", "项警告"),
}
_PROGRESS_SECONDS = 5.0
_UNLIMITED_WIDTH = 100_000


class Screen:
    """Prints the texts of one command in one language.

    :param language: ``zh`` or ``en``.
    :param texts: of the command.
    """

    def __init__(self, language: str, texts: Texts) -> None:
        self.language = language
        self._texts = texts

    def text(self, name: str, /, **values: object) -> str:
        """A text with its values."""
        english, chinese = self._texts[name]
        return (chinese if self.language == "zh" else english).format(**values)

    def count(self, number: int, noun: str) -> str:
        """A number with its noun: ``1 message``, ``2 messages``, ``2 条消息``."""
        one, many, chinese = _NOUNS[noun]
        if self.language == "zh":
            return f"{number:,} {chinese}"
        return f"{number:,} {one if number == 1 else many}"

    def line(self, name: str, /, *, error: bool = False, **values: object) -> None:
        """Print a text.

        :param error: to standard error.
        """
        print(self.text(name, **values), file=sys.stderr if error else answers(), flush=True)

    def marked(self, mark: str, style: str, text: str, *, error: bool = False) -> None:
        """Print a text after a mark in colour.

        :param style: as rich names it, such as ``green``.
        """
        stream = sys.stderr if error else answers()
        print(f"{_in_colour(mark, style, stream)} {text}", file=stream, flush=True)

    @contextmanager
    def step(self, name: str, /, **values: object) -> Iterator[None]:
        """Print the name of a step, its progress on a terminal, and how long it took."""
        print(self.text(name, **values), end=" ", file=answers(), flush=True)
        started, is_over = time.monotonic(), threading.Event()

        def show_dots() -> None:
            while not is_over.wait(_PROGRESS_SECONDS):
                print(".", end="", file=answers(), flush=True)

        if is_terminal(answers()):
            threading.Thread(target=show_dots, daemon=True).start()
        try:
            yield
        finally:
            is_over.set()
            seconds = f"{time.monotonic() - started:.0f}"
            print(f"{seconds} 秒" if self.language == "zh" else f"{seconds} s", file=answers(), flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; ``None`` is one that was closed before the start."""
    return stream is not None and stream.isatty()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Print a table: as wide as the terminal, or otherwise as plain aligned columns with one line for each row.

    :param columns: the headings; if empty, only the rows are printed. On a terminal all columns but the first wrap.
    :param styles: of each row's last cell, as rich names them.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = answers()
    for_people = is_terminal(stream)
    knows_lines = "utf" in (getattr(stream, "encoding", None) or "").lower()
    frame = box.SIMPLE_HEAD if for_people and knows_lines and columns else None
    table = Table(
        box=frame,
        show_header=bool(columns),
        padding=(0, 1 if frame else 2, 0, 0),  # the box has a blank of its own between columns
        pad_edge=False,
        show_edge=False,
        header_style="bold",
    )
    names = columns or [""] * len(rows[0])
    for number, name in enumerate(names):
        table.add_column(name, overflow="fold", no_wrap=number == 0)
    for row, style in zip(rows, styles or [""] * len(rows), strict=True):
        *cells, last = row if for_people else (" ".join(cell.splitlines()) for cell in row)
        table.add_row(*(Text(cell) for cell in cells), Text(last, style=style))
    printed = io.StringIO()
    Console(
        file=printed,
        force_terminal=_takes_colour(stream),
        color_system="standard" if _takes_colour(stream) else None,
        width=shutil.get_terminal_size().columns if for_people else _UNLIMITED_WIDTH,
        no_color=False,
        legacy_windows=False,
    ).print(table)
    for line in printed.getvalue().splitlines():
        print(line.rstrip(), file=stream)


def _in_colour(text: str, style: str, stream: Any) -> str:
    if not _takes_colour(stream):
        return text
    from rich.color import ColorSystem
    from rich.style import Style

    return Style.parse(style).render(text, color_system=ColorSystem.STANDARD)


def _takes_colour(stream: TextIO | None) -> bool:
    """Whether to write colours: https://no-color.org requires none if ``NO_COLOR`` is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
