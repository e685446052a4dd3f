"""How many failures a storm has had so far, over all its notifications: kept in the receiver's book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import StormNote
from airflow_provider_dingpush.alerts.kinds import Kind, kind_of
from airflow_provider_dingpush.delivery.pace import Pace
from airflow_provider_dingpush.delivery.record_kinds import STORM, Storm
from airflow_provider_dingpush.delivery.records import Changes, RecordTable

_QUIET_SECONDS = 120.0
"""A storm lasts at least so long after its last failure, in seconds: a flush DAG sends once a minute."""

_LEAST_QUIET_SECONDS = 3.0
_GAPS = 5


class StormTotal:
    """The failures of the current storm that were sent.

    A storm ends when no failure happens for two group intervals, which grow while it lasts, and at least two minutes.

    :param table: the records of a receiver's book.
    :param pace: of its notifications.
    """

    def __init__(self, table: RecordTable, pace: Pace) -> None:
        self._table = table
        self._pace = pace

    def with_batch(self, alerts: Iterable[Alert], overflow_count: int, now: float) -> Storm | None:
        """The storm so far, with the failures of a notification that is about to be sent; ``None`` without any.

        :param alerts: that the notification shows.
        :param overflow_count: that it shows.
        :param now: in seconds since 1970.
        """
        failed = [each for each in alerts if kind_of(each) is Kind.FAILED]
        quiet = max(_QUIET_SECONDS, self._pace.quiet_seconds)
        recent = _after_last_gap(failed, quiet, now)
        before = self._table.get(STORM)
        if not recent:
            return None
        times = [_within(each.at, now) for each in recent]
        this = Storm(
            since=min(times),
            until=max(times),
            failures=len(recent) + overflow_count,
            dags=tuple(sorted({each.dag_id for each in recent})),
        )
        return this if before is None else joined_storms(before, this, quiet)

    def after_message(self, storm: Storm | None, changes: Changes) -> None:
        """Record that a notification was sent.

        :param storm: of :meth:`with_batch`.
        """
        if storm is not None:
            changes.put(STORM, storm)

    def clamp(self, now: float, changes: Changes) -> None:
        """Move times in the future back to now, after the clock was set back."""
        storm = self._table.get(STORM)
        if storm and storm.until > now:
            changes.put(STORM, replace(storm, since=min(storm.since, now), until=now))


def joined_storms(first: Storm, other: Storm, quiet_seconds: float = _QUIET_SECONDS) -> Storm:
    """Both storms as one if they follow each other closely, or else the later one.

    :param quiet_seconds: how long no failure happens between two storms, in seconds.
    """
    earlier, later = sorted((first, other), key=lambda each: each.until)
    if later.since - earlier.until > quiet_seconds:
        return later
    return Storm(
        since=min(earlier.since, later.since),
        until=later.until,
        failures=earlier.failures + later.failures,
        dags=tuple(sorted({*earlier.dags, *later.dags})),
    )


def storm_note(storm: Storm | None, alerts: Sequence[Alert], now: float) -> StormNote | None:
    """What a notification says about the storm.

    :param alerts: that it shows; if they followed each other quickly, a pause is noticed soon.
    """
    if storm is None:
        return None
    times = sorted(_within(each.at, now) for each in alerts if kind_of(each) is Kind.FAILED)
    gap = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
    quiet = now - storm.until
    return StormNote(
        failures=storm.failures,
        dags=len(storm.dags),
        since=storm.since,
        quiet_seconds=quiet if quiet > max(_LEAST_QUIET_SECONDS, _GAPS * gap) else None,
    )


def _after_last_gap(failed: Sequence[Alert], quiet: float, now: float) -> list[Alert]:
    """The failures since none happened for so long: one that waited for hours belongs to another storm."""
    recent: list[Alert] = []
    for each in sorted(failed, key=lambda each: _within(each.at, now), reverse=True):
        if recent and _within(recent[-1].at, now) - _within(each.at, now) > quiet:
            break
        recent.append(each)
    return recent


def _within(at: float, now: float) -> float:
    """The time, or now if it is impossible: a damaged file may contain any number."""
    return at if 0 <= at <= now else now
