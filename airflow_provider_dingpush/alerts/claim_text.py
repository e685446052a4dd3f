"""What messages say about who takes care of a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.digest_notes import ClaimNote
from airflow_provider_dingpush.alerts.mailboxes import short_id
from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_name
from airflow_provider_dingpush.alerts.words import Words

_NAME_CHARACTERS, _BY_CHARACTERS, _NOTE_CHARACTERS = 80, 40, 80
_MOST_CLAIMS = 5
"""In one message; ``dingpush incidents`` has all of them."""


def claims_shown(
    claims: Iterable[ClaimNote], alerts: Sequence[Alert], last_sent_at: float | None
) -> tuple[ClaimNote, ...]:
    """The claims that a message reports: those of its failures, and those made since the receiver was last notified.

    :param last_sent_at: when that was, in seconds since 1970; ``None`` if it never was.
    """
    shown = {each.incident for each in alerts if not each.resolved}
    over = {each.incident for each in alerts if each.resolved}
    since = inf if last_sent_at is None else last_sent_at
    found = (each for each in claims if each.incident in shown or (each.at > since and each.incident not in over))
    return tuple(sorted(found, key=lambda each: (each.at, each.incident)))


def claim_remarks(claims: Sequence[ClaimNote], words: Words, clock: Callable[[float], str]) -> Iterator[str]:
    """One line for each claim, the newest first.

    :param clock: the text of a time in seconds since 1970.
    """
    for each in claims[::-1][:_MOST_CLAIMS]:
        yield words(
            "claimed_with_note" if each.note else "claimed",
            name=_shown(each.name, _NAME_CHARACTERS),
            by=_shown(each.by, _BY_CHARACTERS),
            time=clock(each.at),
            note=_shown(each.note, _NOTE_CHARACTERS),
        )
    if len(claims) > _MOST_CLAIMS:
        yield words("more_claimed", len(claims) - _MOST_CLAIMS)


def how_to_claim(alerts: Iterable[Alert], claims: Iterable[ClaimNote], words: Words) -> str:
    """How the failures that escalate while nobody has claimed them are claimed; empty if there is none.

    :param claims: who takes care of what already.
    """
    escalating = _escalating(alerts, claims)
    if not escalating:
        return ""
    reads = all(each.rule.get("reading_claims") is True for each in escalating.values())
    ids = [short_id(each) for each in escalating]
    return words("how_to_claim_by_reading" if reads else "how_to_claim", id=" ".join(ids[:_MOST_CLAIMS]))


def unclaimed(alerts: Iterable[Alert], claims: Iterable[ClaimNote]) -> list[str]:
    """The incidents that escalate because nobody has claimed them.

    :param claims: who takes care of what already.
    """
    return list(_escalating(alerts, claims))


def _escalating(alerts: Iterable[Alert], claims: Iterable[ClaimNote]) -> dict[str, Alert]:
    claimed = {each.incident for each in claims}
    return {
        each.incident: each
        for each in alerts
        if each.rule.get("escalates") is True
        and each.event.is_failure
        and not each.resolved
        and each.incident not in claimed
    }


def _shown(text: str, most: int) -> str:
    return escape_markdown(cut(plain_name(text), most))
