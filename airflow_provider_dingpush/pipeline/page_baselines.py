"""The baselines that the page in Airflow's UI shows: those of today whose DAGs a visitor may read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.airflow_options import airflow_option
from airflow_provider_dingpush.errors import DingTalkError, RulesFileError
from airflow_provider_dingpush.oncall.baselines import Outlook
from airflow_provider_dingpush.pipeline.baseline_text import state_text
from airflow_provider_dingpush.pipeline.baselines import look_at
from airflow_provider_dingpush.pipeline.redaction import described
from airflow_provider_dingpush.pipeline.routes import rules_in

if TYPE_CHECKING:
    from datetime import tzinfo

    from airflow_provider_dingpush.oncall.baselines import BaselineDay
    from airflow_provider_dingpush.rules.baselines import Baseline
    from airflow_provider_dingpush.timeouts import Deadline

MayRead = Callable[["str | None"], bool]
"""Whether a visitor may read a DAG; ``None``: all DAGs."""

_log = logging.getLogger(__name__)


class BaselineRow(NamedTuple):
    """How a baseline stands today.

    :param name: of the baseline.
    :param due: in seconds since 1970; ``None`` if it isn't due today.
    :param expected: when all is expected to be done, or was, in seconds since 1970; ``None`` if that is unknown.
    :param texts: how it stands, in English and in Chinese.
    :param is_open: whether it is at risk or late.
    :param worst: when it will be done in nine of ten cases, in seconds since 1970; ``None`` if it is done, or that is
        unknown.
    :param outlook: how it stands.
    :param zone: of its times; by default that of the page.
    """

    name: str
    due: float | None
    expected: float | None
    texts: tuple[str, str]
    is_open: bool
    worst: float | None = None
    outlook: Outlook | None = None
    zone: tzinfo | None = None

    @property
    def is_done(self) -> bool:
        """Whether all is done."""
        return self.outlook in (Outlook.MET, Outlook.MET_LATE)

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Sort key: those that are late, those that are at risk, and then by their due time."""
        return not self.is_open, self.outlook is not Outlook.BREACHED, inf if self.due is None else self.due


@dataclass(frozen=True)
class BaselinesOfToday:
    """What is known of them.

    :param has_file: whether there is a rules file.
    :param rows: the most urgent first.
    :param problem: why they can't be read.
    """

    has_file: bool = False
    rows: Sequence[BaselineRow] = ()
    problem: DingTalkError | None = None


def read_baselines(may_read: MayRead, now: float, deadline: Deadline) -> BaselinesOfToday:
    """Read them; what keeps them from being read is their ``problem``, and hides nothing else of the page.

    :param may_read: whether the visitor may read a DAG.
    :param now: in seconds since 1970.
    """
    named = airflow_option("dingpush", "rules_file")
    if not named:
        return BaselinesOfToday()
    try:
        rules = rules_in(Path(named).expanduser())
        visible = replace(rules, baselines=tuple(each for each in rules.baselines if _is_visible(each, may_read)))
        days = look_at(visible, now, deadline) if visible.baselines else ()
        rows = sorted((_row(each, may_read, now) for each in days), key=lambda each: each.order)
    except RulesFileError as problem:
        return BaselinesOfToday(True, problem=problem if may_read(None) else _WITHOUT_DETAILS)
    except DingTalkError as problem:
        return BaselinesOfToday(True, problem=problem)
    except Exception as problem:  # noqa: BLE001 - the rest of the page is worth more
        _log.warning("The page can't show the baselines.", exc_info=True)
        return BaselinesOfToday(True, problem=DingTalkError(described(problem)))
    return BaselinesOfToday(True, tuple(rows))


# The file names DAGs that the visitor may not know of.
_WITHOUT_DETAILS = RulesFileError("The rules file can't be used.", problem_zh="规则文件无法使用")


def _is_visible(baseline: Baseline, may_read: MayRead) -> bool:
    """Whether all that it waits for may be read; an asset belongs to no DAG."""
    return all(map(may_read, baseline.dag_ids)) and (not baseline.asset_names or may_read(None))


def _row(day: BaselineDay, may_read: MayRead, now: float) -> BaselineRow:
    if day.late_upstream is not None and not may_read(day.late_upstream):
        day = replace(day, late_upstream=None)
    return BaselineRow(
        day.baseline.name,
        None if day.outlook is Outlook.NOT_DUE else day.due,
        day.expected,
        (state_text(day, "en", now=now), state_text(day, "zh", now=now)),
        day.is_open,
        None if day.is_done else day.worst,
        day.outlook,
        day.baseline.zone,
    )
