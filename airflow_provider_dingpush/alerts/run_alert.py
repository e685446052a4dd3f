"""From the facts of a callback to the alert that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, key_of, key_with, unique_key
from airflow_provider_dingpush.alerts.run_facts import RunFacts

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.mentions import At

_SUMMARY_CHARACTERS = 200
_UNDATED_SECONDS = 3600.0


def alert_of(
    facts: RunFacts,
    mailbox: Mailbox,
    *,
    at: float,
    message: Mapping[str, Any] | None,
    mentions: At | None,
    language: str | None,
    problems: Mapping[str, str] | None = None,
    rule: str = "",
) -> Alert:
    """The alert of these facts.

    :param at: now, in seconds since 1970.
    :param message: the notifier's own message in its plain form, redacted.
    :param problems: name of each argument of the notifier that can't be used -> why.
    :param rule: what decided that the mailbox gets it; empty for a notifier of the DAG.
    """
    people = mentions.to_dict() if mentions else None
    # A message that can't be sent counts, too: its success is reported without a failure before it.
    wanted = message or (problems or {}).get("message")
    if wanted is not None and not facts.event.repeated_by_airflow:
        occurrence = key = unique_key()
    else:
        occurrence = _occurrence(facts, at)
        key = key_with(occurrence, wanted, people)
    return Alert(
        key=key,
        occurrence=occurrence,
        mailbox=mailbox,
        event=facts.event,
        at=at,
        dag_id=facts.dag_id,
        run_id=facts.run_id,
        task_id=facts.task_id,
        map_index=facts.map_index,
        try_number=facts.try_number,
        resolved=wanted is None and facts.event.resolves_incident,
        summary=_summary(facts),
        log_link=facts.log_link,
        run_link=facts.run_link,
        answer_link=facts.answer_link,
        environment=facts.environment,
        owners=facts.owners,
        facts=facts.to_dict(),
        message=message,
        mentions=people,
        language=language,
        problems=problems or {},
        rule=rule,
    )


def _occurrence(facts: RunFacts, at: float) -> str:
    """The name of an occurrence; a run without a start is distinguished from its next attempt by the hour."""
    distinction = facts.occurrence
    if not distinction and facts.task_id is None:
        distinction = str(int(at // _UNDATED_SECONDS))
    return key_of(
        dag_id=facts.dag_id,
        run_id=facts.run_id,
        task_id=facts.task_id,
        map_index=facts.map_index,
        try_number=facts.try_number,
        event=facts.event.value,
        distinction=distinction,
    )


def _summary(facts: RunFacts) -> str:
    first = (facts.exception_text or "").splitlines()[:1]
    words = facts.exception_summary or ": ".join(each for each in (facts.exception_type, *first) if each)
    words = words or facts.subject or ""
    if not words and facts.reason not in (None, "success"):
        words = str(facts.reason)
    return words[:_SUMMARY_CHARACTERS]
