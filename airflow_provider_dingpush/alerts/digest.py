"""Many alerts as one message: what failed, how often, since when, why, and links, short enough to be read.

Every alert has a line of its own or is part of a printed count: the counts add up to the number of alerts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from typing import TypeVar

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_contents import Contents, Row, Section, classify, merged
from airflow_provider_dingpush.alerts.digest_frame import Frame
from airflow_provider_dingpush.alerts.digest_groups import Group, groups_of, tasks_together
from airflow_provider_dingpush.alerts.digest_lines import Detail, LineWriter
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.kinds import MARKS
from airflow_provider_dingpush.alerts.markdown import dotted, escape_markdown
from airflow_provider_dingpush.alerts.phone_screen import ONE_SCREEN, TWO_SCREENS, lines_on_phone
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.messages.kinds import Markdown
from airflow_provider_dingpush.messages.sizes import json_bytes

Line = Callable[[], str]
_Some = TypeVar("_Some")


def _shown(several: Sequence[_Some], at_most: int | None) -> tuple[Sequence[_Some], Sequence[_Some]]:
    """Those that are shown and those that are only counted; never a single one, whose count takes a line as well."""
    if at_most is None or len(several) <= at_most + (at_most > 0):
        return several, ()
    return several[:at_most], several[at_most:]


@dataclass(frozen=True)
class Layout:
    """The order of a digest.

    :param contents: what the digest is about.
    :param write: writes its lines.
    :param frame: writes title, head and foot.
    """

    contents: Contents
    write: LineWriter
    frame: Frame

    def lines(self, detail: Detail) -> list[Line]:
        """The lines between the message's head and its foot, not written yet."""
        # Names of other labels than DAGs, such as owners, aren't compared.
        group_from = detail.group_from if self.contents.group_by == ("dag_id",) else sys.maxsize
        groups = groups_of(self.contents.sections, group_from)
        shown, left_out = _shown(groups, detail.sections)
        lines = self._question_lines(groups, detail)
        if detail.rows == 0:
            lines += [partial(self.write.flat, each, detail) for each in shown]
        else:
            lines += self._section_lines(shown, detail)
        if left_out:
            where = "in_dags" if self.contents.group_by == ("dag_id",) else "in_groups"
            lines.append(partial(self._more, [each.whole for group in left_out for each in group.sections], where))
        if self.contents.notes.overflow_count:
            lines.append(partial(self.write.words, "overflow_count", self.contents.notes.overflow_count))
        lines += self._extra_lines(self.contents.recovered, self.write.recovered, detail)
        return lines + self._extra_lines(self.contents.others, partial(self.write.other, detail=detail), detail)

    def _question_lines(self, groups: Sequence[Group], detail: Detail) -> list[Line]:
        questions = self.contents.questions
        lines: list[Line] = []
        if questions and len(questions) < len(self.contents.classified):
            lines.append(partial(self._extras_heading, [Row(questions)]))
        lines += [partial(self.write.question, each.alert, detail) for each in questions]
        # A section with a heading of its own needs no second one.
        is_list = detail.rows == 0 or self.contents.is_titled or any(len(each.sections) > 1 for each in groups)
        if questions and groups and (is_list or not any(each.is_large for each in groups)):
            lines.append(partial(self._extras_heading, [each.whole for each in groups]))
        return lines

    def _extra_lines(self, rows: Sequence[Row], write: Callable[[Row], str], detail: Detail) -> list[Line]:
        kept, rest = _shown(rows, detail.extras)
        lines: list[Line] = []
        # If the message has nothing else, the title is heading enough.
        if rows and not (kept and sum(len(each.classified) for each in rows) == len(self.contents.classified)):
            lines.append(partial(self._extras_heading, rows))
        lines += [partial(write, each) for each in kept]
        if kept and rest:
            lines.append(partial(self._more, rest, "in_tasks"))
        return lines

    def _section_lines(self, groups: Sequence[Group], detail: Detail) -> list[Line]:
        # Sections of a single row share one list at the end: a heading for each would be half of the message.
        is_only = len(self.contents.sections) == 1
        several = [each for each in groups if len(each.sections) > 1]
        alone = [each for each in groups if len(each.sections) == 1]
        large = [each for each in alone if each.is_large or is_only]
        small = [each for each in alone if not (each.is_large or is_only)]
        if not large:
            several, small = [*groups], []
        # P1 comes first, also if it is a single line.
        urgent = [each for each in small if each.whole.is_urgent]
        small = [each for each in small if not each.whole.is_urgent]
        lines: list[Line] = [partial(self.write.flat, each, detail) for each in (*urgent, *several)]
        for section in (each.sections[0] for each in large):
            if not self.contents.is_titled:
                lines.append(partial(self._group_heading, section))
            lines += self._row_lines(section, detail)
        if small:
            lines.append(partial(self._others_heading, small))
        return [*lines, *(partial(self.write.flat, each, detail) for each in small)]

    def _row_lines(self, section: Section, detail: Detail) -> list[Line]:
        is_of_dag = "dag_id" in self.contents.group_by
        groups = tasks_together(section.rows, detail.tasks_from if is_of_dag else sys.maxsize)
        kept, rest = _shown(groups, detail.rows)
        lines: list[Line] = []
        above: Row | None = None
        for group in kept:
            if len(group.sections) > 1:
                lines.append(partial(self.write.tasks, group, detail))
            else:
                lines.append(partial(self.write.row, group.whole, detail, above=above))
            above = group.whole
        if rest:
            rows = [row for group in rest for each in group.sections for row in each.rows]
            lines.append(partial(self._more, rows, "in_tasks"))
        return lines

    def text(self, lines: Iterable[Line], detail: Detail) -> str:
        """The whole message with these lines in its middle."""
        blocks = [f"### {self.frame.mark} {escape_markdown(self.frame.title)}", *self.frame.head()]
        if self.contents.causes and detail.causes:
            blocks.append(self.frame.causes())
        for line in (each() for each in lines):
            if line.startswith("- ") and blocks[-1].startswith("- "):
                blocks[-1] += f"\n{line}"
            else:
                blocks.append(line)
        return "\n\n".join([*blocks, *self.frame.foot()])

    def _group_heading(self, section: Section) -> str:
        """``etl_daily · 3 failures · run failed``."""
        name = escape_markdown(" · ".join(self.write.names.label(section)))
        return f"#### {dotted([name, self.write.counted(section.whole.kinds), self.write.folded(section.whole)])}"

    def _others_heading(self, groups: Sequence[Group]) -> str:
        return f"#### {self.write.words('others')} · {self.write.counted(merged(each.whole for each in groups).kinds)}"

    def _extras_heading(self, rows: Sequence[Row]) -> str:
        whole = merged(rows)
        return f"#### {MARKS[whole.worst]} {self.write.counted(whole.kinds)}"

    def _more(self, rows: Sequence[Row], where: str) -> str:
        """``…and another 18 failures in 9 tasks``."""
        counts = self.write.counted(merged(rows).kinds)
        words = self.write.words
        return f"- {words('more', counts=words(where, len(rows), counts=counts))}"


MOST_LINES = 60
"""A digest with more lines isn't tried: writing thousands of them would be slow."""

DETAILS = (
    Detail(rows=None, reasons=3, characters=120, extras=None, group_from=6, tasks_from=6, name_characters=600),
    Detail(rows=None, reasons=1, characters=80, extras=20),
    Detail(rows=8, reasons=1, characters=80, extras=10),
    Detail(rows=5, reasons=1, characters=60, extras=10),
    Detail(rows=3, reasons=1, characters=60, extras=5),
    Detail(reasons=1, characters=60, extras=5, name_characters=600),
    Detail(reasons=1, characters=60, extras=5, name_characters=300),
    Detail(extras=5),
    *(
        Detail(extras=min(5, sections), sections=sections)
        for sections in (50, 40, 30, 25, 20, 15, 10, 7, 5, 3, 2, 1, 0)
    ),
    Detail(extras=0, sections=0, causes=False),
)
"""From the fullest to the shortest."""


def digest(
    alerts: Sequence[Alert],
    notes: Notes | None = None,
    *,
    group_by: Sequence[str] = ("dag_id",),
    language: str,
    zone: tzinfo,
    at_most_bytes: int,
    environment: str | None = None,
) -> Markdown:
    """One message about all of these alerts.

    Its title names what failed, how often and where: a locked phone shows no more. Its text has a section per group,
    and in it a line per task: how often it failed, when, why, and the newest log. The more alerts, the less is shown
    of each: fewer tasks per section, then one line per section, then as many of those as fit, and always the count of
    the rest.

    :param notes: what the message reports besides.
    :param group_by: the labels that make a section; some of
        :data:`~airflow_provider_dingpush.delivery.policy.GROUP_LABELS`.
    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param zone: the time zone of all times.
    :param at_most_bytes: the limit of the text, in bytes of JSON. It takes a few hundred in any case.
    :param environment: label of the Airflow installation, such as ``生产``.
    """
    contents = Contents(classify(alerts), notes or Notes(), tuple(group_by))
    write = LineWriter(contents, words_in(language), zone)
    frame = Frame(contents, write, environment or "")
    layout = Layout(contents, write, frame)
    # Questions are whole at any length, and the others keep one screen beside them.
    questions = lines_on_phone("\n".join(write.question(each.alert, DETAILS[0]) for each in contents.questions))
    most_lines = max(TWO_SCREENS, questions + ONE_SCREEN)
    for detail in DETAILS:
        lines = layout.lines(detail)
        text = layout.text(lines, detail) if len(lines) <= MOST_LINES else None
        if text is not None and json_bytes(text) <= at_most_bytes and lines_on_phone(text) <= most_lines:
            break
    return Markdown(frame.title, text or "")
