"""What a digest reports besides its alerts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.history_line import Memory

RunKey = tuple[str, str]
"""Identifies a run: DAG id and run id."""


@dataclass(frozen=True)
class StormNote:
    """The storm that a message is part of: failures that follow each other closely, over all messages about them.

    :param failures: how many there were so far.
    :param dags: of how many DAGs.
    :param since: when the first one happened, in seconds since 1970.
    :param quiet_seconds: how long no failure has happened, in seconds; ``None`` while they go on.
    """

    failures: int
    dags: int
    since: float
    quiet_seconds: float | None = None


@dataclass(frozen=True)
class WithheldNote:
    """Alerts that are not sent for a while, or were not.

    :param verdict: ``held``, ``silenced`` or ``inhibited``.
    :param about: the reason in plain text: the name of the quiet hours, or what is silenced and why.
    :param count: how many.
    :param since: when the first one was withheld, in seconds since 1970.
    :param until: when that ends or ended, in seconds since 1970.
    :param is_over: whether they are among the alerts of this message now.
    """

    verdict: str
    about: str
    count: int
    since: float
    until: float
    is_over: bool = False


@dataclass(frozen=True)
class Followers:
    """The failures that follow from one failure and are only counted.

    :param count: how many there are.
    :param names: DAG and task of each, as people know them, the oldest first; an empty task for a whole run. Of those
        beyond a limit nothing but the count is known.
    """

    count: int
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ClaimNote:
    """Somebody takes care of a failure.

    :param incident: of the failure.
    :param name: its DAG and task in plain text.
    :param by: who.
    :param at: since when, in seconds since 1970.
    :param note: what that person says about it.
    """

    incident: str
    name: str
    by: str
    at: float
    note: str = ""


@dataclass(frozen=True)
class Notes:
    """What a digest reports besides its alerts.

    :param number: short name of the message, such as ``a3f2``; by it people recognise a repeat.
    :param paused: the hold that delayed this message: start and end, in seconds since 1970, and reason: ``throttled``,
        ``misconfigured``, ``refusing``, ``daily_limit``, ``unreachable`` or any text for people.
    :param overflow_count: how many alerts were only counted, because too many were pending; not among the alerts.
    :param repeats: incident -> its failures that were only counted since its last notification; shown if one of the
        alerts is of that incident, and not part of any other count.
    :param dead: names of alerts that DingTalk refused even alone, in plain text such as ``etl_daily · load_orders``.
    :param skipped: fallbacks that were skipped: connection id and reason, both as plain text. Reasons as for
        ``paused``, and ``window_full``.
    :param may_repeat: number of an earlier message with the same alerts that may have arrived.
    :param folded: runs whose alert is left out because those of their tasks are among the alerts -> its event.
    :param recovered: key of a resolved alert -> when the failure that it ends happened, in seconds since 1970, and how
        many tries it took, the successful one included (``None`` if unknown). That failure isn't among the alerts.
    :param merged_until_tomorrow: this is the last message of the day (``max_messages_per_day``); later alerts are
        sent the next day.
    :param hints: hints to show.
    :param followers: incident -> the failures that follow from it; shown if one of the alerts is of that incident, and
        not part of any other count.
    :param storm: the storm that these alerts are part of; a digest of a larger one shows it.
    :param withheld: alerts that are withheld, or were.
    :param memories: key of an alert -> what is remembered of its earlier failures.
    :param last_sent_at: when the receiver was last notified, in seconds since 1970; ``None`` if it never was.
    :param claims: who takes care of what.
    """

    number: str = ""
    paused: tuple[float, float, str] | None = None
    overflow_count: int = 0
    repeats: Mapping[str, int] = field(default_factory=dict)
    dead: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    may_repeat: str = ""
    folded: Mapping[RunKey, str] = field(default_factory=dict)
    recovered: Mapping[str, tuple[float, int | None]] = field(default_factory=dict)
    merged_until_tomorrow: bool = False
    hints: frozenset[Hint] = frozenset()
    storm: StormNote | None = None
    withheld: tuple[WithheldNote, ...] = ()
    memories: Mapping[str, Memory] = field(default_factory=dict)
    followers: Mapping[str, Followers] = field(default_factory=dict)
    last_sent_at: float | None = None
    claims: tuple[ClaimNote, ...] = ()
