"""What a digest is about: its alerts in sections and rows, and the reasons that they share. No words yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.digest_rows import (
    ClassifiedAlert,
    Reason,
    Row,
    Section,
    reasons_of,
    rows_of,
    sections_of,
)
from airflow_provider_dingpush.alerts.kinds import Kind

_MOST_CAUSES = 3
"""Reasons that the message's head names."""


@dataclass(frozen=True)
class Contents:
    """What a digest is about.

    :param classified: its alerts, oldest first.
    :param notes: what else it reports.
    :param group_by: the labels that make a section.
    """

    classified: tuple[ClassifiedAlert, ...]
    notes: Notes
    group_by: tuple[str, ...]

    @cached_property
    def troubles(self) -> tuple[ClassifiedAlert, ...]:
        """What went wrong and isn't over."""
        return tuple(each for each in self.classified if each.kind not in (Kind.ASKING, Kind.RECOVERED, Kind.OTHER))

    @cached_property
    def questions(self) -> tuple[ClassifiedAlert, ...]:
        """What people are asked."""
        return tuple(each for each in self.classified if each.kind is Kind.ASKING)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What went wrong, by group."""
        return sections_of(self.troubles, self.group_by)

    @cached_property
    def recovered(self) -> tuple[Row, ...]:
        """What is over."""
        return rows_of(each for each in self.classified if each.kind is Kind.RECOVERED)

    @cached_property
    def others(self) -> tuple[Row, ...]:
        """Events that are neither trouble nor its end."""
        return rows_of(each for each in self.classified if each.kind is Kind.OTHER)

    @cached_property
    def causes(self) -> Sequence[Reason]:
        """Reasons that the head names: those of the only row, or those that half of what went wrong has in common."""
        total = len(self.troubles)
        reasons = reasons_of(each.alert for each in self.troubles)
        if self.has_one_row:
            return reasons[:_MOST_CAUSES] if len(reasons) > 1 else ()
        if not reasons or len(reasons[0].alerts) * 2 < total or not reasons[0].is_shared:
            return ()
        return [each for each in reasons[:_MOST_CAUSES] if len(each.alerts) * 10 >= total and each.is_shared]

    @property
    def has_one_row(self) -> bool:
        """Whether all that went wrong is in one row."""
        return sum(len(each.rows) for each in self.sections) == 1

    @property
    def is_titled(self) -> bool:
        """Whether the only section needs no heading, because the title has its name."""
        return len(self.sections) == 1 and self.group_by in ((), ("dag_id",))
