"""Sections of a digest, or tasks of one DAG, that look the same, such as nineteen DAGs with the same forty failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_dingpush.alerts.digest_contents import Row, Section, merged, own_text_of


@dataclass(frozen=True)
class Group:
    """Sections with the same picture, at least one; a task by itself is a section of one row."""

    sections: tuple[Section, ...]

    @cached_property
    def whole(self) -> Row:
        """All of it in one row."""
        return self.sections[0].whole if len(self.sections) == 1 else merged(each.whole for each in self.sections)

    @property
    def is_large(self) -> bool:
        """Whether it is a single section with several rows, which have a heading of their own."""
        return len(self.sections) == 1 and len(self.sections[0].rows) > 1


def groups_of(sections: Sequence[Section], at_least: int) -> tuple[Group, ...]:
    """The sections, those with the same picture together; the largest first, equal ones in the order of the sections.

    :param at_least: how many sections with the same picture make a group.
    """
    groups = _together(sections, at_least, _picture_of_section)
    return tuple(sorted(groups, key=lambda group: (not group.whole.is_urgent, -len(group.whole.classified))))


def tasks_together(rows: Sequence[Row], at_least: int) -> tuple[Group, ...]:
    """The rows of one DAG, tasks with the same picture together, in the order of the first ones.

    :param at_least: how many tasks with the same picture make a group.
    """
    return tuple(_together([Section((), (each,)) for each in rows], at_least, _picture_of_task))


def _together(sections: Sequence[Section], at_least: int, picture: Callable[[Section], Any]) -> list[Group]:
    if len(sections) < at_least:
        return [Group((each,)) for each in sections]
    pictures = [(picture(each), each) for each in sections]
    alike: dict[Any, list[Section]] = {}
    for seen, each in pictures:
        alike.setdefault(seen, []).append(each)
    groups: list[Group] = []
    for seen, each in pictures:
        same = alike[seen]
        if len(same) < at_least:
            groups.append(Group((each,)))
        elif same[0] is each:
            groups.append(Group(tuple(same)))
    return groups


def _picture_of_section(section: Section) -> tuple[Any, ...]:
    """What is the same for sections that one line can stand for: counts, reasons, and a single task's name."""
    newest = section.whole.newest
    single = (newest.task_id, newest.event) if len(section.rows) == 1 else None
    return _counts_and_reasons(section.whole), single, section.whole.is_urgent


def _picture_of_task(section: Section) -> tuple[Any, ...]:
    row = section.whole
    # A run, which is named by its event, looks like no task.
    return _counts_and_reasons(row), row.newest.task_id is None and row.newest.event, row.is_urgent


def _counts_and_reasons(row: Row) -> tuple[Any, ...]:
    # What somebody wrote may differ in a number, and is shown for each.
    own_texts = frozenset(own_text_of(each) for each in row.alerts)
    return tuple(row.kinds), row.tasks, frozenset(each.likeness for each in row.reasons), own_texts
