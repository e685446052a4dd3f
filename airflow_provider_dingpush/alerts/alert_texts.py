"""The built-in alerts: one Markdown message per event, in Chinese and in English.

The wording lives in the ``.md`` files beside this one: per language a ``title.md``, and one file for each thing an
event can be about. Every value they print is escaped on its way out, so a template can't forget to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.exception_text import gap_in, shortened
from airflow_provider_dingpush.alerts.human_times import duration_text, local_time_text
from airflow_provider_dingpush.alerts.markdown_escape import escape_markdown, plain_line
from airflow_provider_dingpush.alerts.run_facts import Event, RunFacts
from airflow_provider_dingpush.messages import Markdown
from airflow_provider_dingpush.messages.browser_links import MAX_LINK_CHARACTERS
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_ALERT_BYTES = 10_000
"""As many failed tasks are listed as fit in here: half of what DingTalk takes, and more than anyone reads."""

_LEAST_EXCEPTION_CHARACTERS = 60
"""Less of an exception's text isn't worth showing."""

_LIST_CHARACTERS = 120
"""Of the options of a question, and of those who may answer it."""

_TITLE_NAME_CHARACTERS = 60
"""Of each name in a title; a phone shows less than that."""

_LEFT_OUT = {"zh": "……（省略 {n} 行）……", "en": "… ({n} line{s} left out) …"}

_MARKS = {
    Event.TASK_STARTED: "⚪",
    Event.TASK_FAILED: "🔴",
    Event.TASK_RETRYING: "🟡",
    Event.TASK_SUCCEEDED: "🟢",
    Event.TASK_SKIPPED: "⚪",
    Event.DAG_FAILED: "🔴",
    Event.DAG_SUCCEEDED: "🟢",
    Event.DEADLINE_MISSED: "🟠",
    Event.ANSWER_NEEDED: "🔵",
}


def built_in_alert(facts: RunFacts, *, language: str, at_most_bytes: int = MAX_ALERT_BYTES) -> Markdown:
    """The built-in message about these facts.

    Its title says what happened to what, because that is all the conversation list and a locked phone show. Its text
    has one line per known fact, the first lines of the exception and the links; it is far below what DingTalk takes,
    whatever the facts hold.

    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param at_most_bytes: where it must be shorter, fewer failed tasks are listed and less of the exception is shown,
        so that the links at its end stay. What is left then is as short as it gets, if not as short as this.
    """
    language = "zh" if language.lower().startswith("zh") else "en"
    kind = "deadline" if facts.event is Event.DEADLINE_MISSED else facts.event.value.partition("_")[0]
    title = plain_line(_templates(str).get_template(f"{language}/title.md").render(facts=facts))
    alert = _templates(escape_markdown).get_template(f"{language}/{kind}.md")
    listed = len(facts.failed_tasks or ())
    while True:
        text = alert.render(facts=facts, title=title, mark=_MARKS[facts.event], listed=listed)
        text = re.sub(r"\n{3,}", "\n\n", text).strip()
        shorter = replace(facts, exception_text=_shortened(facts.exception_text), body=_shortened(facts.body))
        if json_bytes(text) <= at_most_bytes or (listed == 0 and shorter == facts):
            return Markdown(title, text)
        listed //= 2
        facts = shorter


def _shortened(text: str | None) -> str | None:
    """Two thirds of a text, if that is still worth showing."""
    if text is None or len(text) <= _LEAST_EXCEPTION_CHARACTERS:
        return text
    most = len(text) * 2 // 3
    cut = shortened(text, most)
    # Whatever the lines are like, it ends.
    return cut if len(cut) < len(text) else cut[:most]


class _Written(str):
    """Markdown that is written already, so that it isn't escaped again."""

    __slots__ = ()


@lru_cache(maxsize=2)
def _templates(shown: Callable[[str], str]) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        finalize=lambda value: value if isinstance(value, _Written) else shown(str(value)),
        autoescape=False,  # noqa: S701 - "autoescape" is HTML's; finalize does here what it does there.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # The templates are compiled once for one alert in most processes: optimising them costs more than it saves.
        optimized=False,
    )
    environment.globals.update(links=_links, quote=_quote, bold=_bold)
    environment.filters.update(
        local_time=lambda time: "" if time is None else local_time_text(time),
        duration=lambda seconds, language: "" if seconds is None else duration_text(seconds, language),
        short=_short,
        brief=lambda text: text if len(text) <= _LIST_CHARACTERS else f"{text[:_LIST_CHARACTERS]}…",
        known_as=_known_as,
    )
    return environment


def _links(*links: tuple[str, str | None]) -> str:
    """Side by side, those of the links that have an address of a sensible length."""
    usable = [(words, address) for words, address in links if address and len(address) <= MAX_LINK_CHARACTERS]
    return _Written(" · ".join(f"[{escape_markdown(words)}]({address})" for words, address in usable))


def _bold(text: str) -> str:
    shown = escape_markdown(text)
    # Nothing between the asterisks would make a rule of them.
    return _Written(f"**{shown}**" if shown else "")


def _quote(text: str, language: str) -> str:
    # DingTalk swallows a lone newline; with two blanks before it, it breaks the line.
    return _Written("  \n".join(f"> {_gap(line, language) or escape_markdown(line)}" for line in text.splitlines()))


def _gap(line: str, language: str) -> str:
    """What stands for lines that are left out; empty for a line of the text itself."""
    left_out = gap_in(line)
    if left_out is None:
        return ""
    return _LEFT_OUT[language].format(n=left_out, s="" if left_out == 1 else "s")


def _short(text: str) -> str:
    return text if len(text) <= _TITLE_NAME_CHARACTERS else f"{text[:_TITLE_NAME_CHARACTERS]}…"


def _known_as(name: Any, other: Any) -> str:
    """Both names of a thing if it has two: ``订单日报 (etl_daily)``."""
    if name is None:
        return ""
    return f"{name} ({other})" if other not in (None, name) else str(name)
