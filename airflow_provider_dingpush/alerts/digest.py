"""Many alerts as one message: what failed, how often, since when, why, and where to look, short enough to be read.

Every alert stands in a line of its own or in a count that is printed: the counts add up to the number of alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import tzinfo

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_page import DETAILS, MOST_LINES, Page
from airflow_provider_dingpush.alerts.digest_rows import Kind, kind_of, notified_together
from airflow_provider_dingpush.alerts.digest_words import Words
from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages import At, Markdown
from airflow_provider_dingpush.messages.plain_forms import check_rendered
from airflow_provider_dingpush.messages.sizes import json_bytes

RunKey = tuple[str, str]
"""Names a run: its DAG's id and its own."""


@dataclass(frozen=True)
class Notes:
    """What a digest says besides its alerts.

    :param number: short name of the message, such as ``a3f2``; by it people recognise a repetition.
    :param paused: if this message had to wait: since when and until when, in seconds since 1970, and why. The reason
        is ``throttled``, ``misconfigured``, ``refusing``, ``daily_limit``, ``unreachable`` or any text for people.
    :param overflown: how many alerts were only counted, because too many were waiting; they aren't among the alerts.
    :param repeats: incident -> how often it failed since it was last told without being told; shown if one of the
        alerts is of that incident, and not part of any other count.
    :param dead: names of alerts that DingTalk refused even alone, in plain text such as ``etl_daily · load_orders``.
    :param skipped: robots that were passed over: connection id and reason, both as plain text. Reasons as for
        ``paused``, and ``window_full``.
    :param may_repeat: number of an earlier message that said the same and may have arrived.
    :param folded: runs whose own alert isn't among the alerts because those of their tasks are -> its event.
    :param recovered: key of a resolved alert -> when the failure that it ends happened, in seconds since 1970, and how
        many tries it took, the good one included (``None`` if that isn't known). That failure isn't among the alerts.
    :param merged_until_tomorrow: this is the last message of the day (``max_messages_per_day``); what comes now waits
        for the next day.
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


def digest(
    alerts: Sequence[Alert],
    notes: Notes | None = None,
    *,
    group_by: Sequence[str] = ("dag_id",),
    language: str,
    zone: tzinfo,
    at_most_bytes: int,
    environment: str | None = None,
    escape: Callable[[str], str],
) -> Markdown:
    """One message about all of these alerts.

    Its title says how much failed where, because that is all a locked phone shows. Its text has a section per group,
    and in it a line per task: how often it failed, when, why, and the newest log. The more there is, the less is said
    of each: fewer tasks per section, then one line per section, then as many of those as fit, and always the count of
    the rest.

    :param notes: what else is to be said.
    :param group_by: the labels that make a section; some of
        :data:`~airflow_provider_dingpush.delivery.policy.GROUP_LABELS`.
    :param language: any name of Chinese, such as ``zh`` or ``zh-CN``; everything else gets English.
    :param zone: the time zone of all times.
    :param at_most_bytes: how long the text may be, in bytes of JSON. It takes a few hundred in any case.
    :param environment: which Airflow, such as ``生产``.
    :param escape: makes of any text one line of Markdown that shows it as it is.
    """
    page = Page(
        notified_together(alerts), notes or Notes(), tuple(group_by), Words(language), zone, environment or "", escape
    )
    for detail in DETAILS:
        lines = page.layout(detail)
        # What has too many lines is never written: that would be slow where there are thousands.
        text = page.text(lines, detail) if len(lines) <= MOST_LINES else None
        if text is not None and json_bytes(text) <= at_most_bytes:
            break
    return Markdown(page.title, text or "")


def mentions_of(alerts: Iterable[Alert], people: Callable[[str], At | None]) -> At | None:
    """Everyone whom these alerts call: the owners of what failed, and whom a notifier names itself.

    Those whom a task asks are called as well. Owners of what will be retried or has recovered sleep on. People beyond
    the 50 that DingTalk takes are left out.

    :param people: who an owner is, as the connection's ``mentions`` say; ``None`` if they don't.
    """
    called: list[At | None] = []
    owners: dict[str, None] = {}
    for alert in alerts:
        # Mentions that can't be read, such as a newer version's, must not cost the alert.
        with suppress(InvalidMessageError):
            at = At.read(alert.mentions)
            if at is not None:
                check_rendered(at)
            called.append(at)
        if kind_of(alert) in (Kind.FAILED, Kind.LATE):
            owners.update(dict.fromkeys(alert.owners))
        elif kind_of(alert) is Kind.ASKING:
            owners.update(dict.fromkeys(asked_of(alert.facts)))
    return At.union([*called, *map(people, owners)])


def asked_of(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Names and ids of those who may answer what a task asks."""
    lists = (facts.get(name) for name in ("assigned_users", "assigned_user_ids"))
    return tuple(each for names in lists if isinstance(names, (list, tuple)) for each in names if isinstance(each, str))
