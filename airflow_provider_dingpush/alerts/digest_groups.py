"""Sections of a digest that look the same, such as nineteen DAGs with the same forty failures, as one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_dingpush.alerts.digest_contents import Row, Section, merged, reasons_of


@dataclass(frozen=True)
class Group:
    """Sections with the same picture, at least one."""

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
    alike: dict[Any, list[Section]] = {}
    for each in sections:
        alike.setdefault(_picture(each), []).append(each)
    together = {picture: tuple(each) for picture, each in alike.items() if len(each) >= at_least}
    groups: list[Group] = []
    for each in sections:
        same = together.get(_picture(each), (each,))
        if same[0] is each:
            groups.append(Group(same))
    return tuple(sorted(groups, key=lambda group: -len(group.whole.classified)))


def _picture(section: Section) -> tuple[Any, ...]:
    """What is the same for sections that one line can stand for: counts, reasons, and a single task's name."""
    whole = section.whole
    return (
        tuple(whole.kinds),
        whole.tasks,
        whole.newest.task_id if len(section.rows) == 1 else None,
        whole.newest.event if len(section.rows) == 1 else None,
        frozenset(each.likeness for each in reasons_of(whole.alerts)),
    )
