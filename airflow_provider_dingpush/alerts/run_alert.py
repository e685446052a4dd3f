"""From the facts of a callback to the alert that is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.alerts.alert import (
    Alert,
    Mailbox,
    key_of,
    key_of_baseline,
    key_of_file,
    key_with,
    unique_key,
)
from airflow_provider_dingpush.alerts.dbt_results import summary_of
from airflow_provider_dingpush.alerts.run_facts import KILLED, NEVER_STARTED, RunFacts

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages.mentions import At

_SUMMARY_CHARACTERS = 200
_UNDATED_SECONDS = 3600.0


class RuleEffects(NamedTuple):
    """What a rule asks for besides the receiver; stored with the alert.

    :param name: of the rule.
    :param severity: replaces that of the event, ``P1`` to ``P4``.
    :param group_by: labels by which a digest is divided.
    :param repeat_interval_seconds: how long a failure that was sent is only counted, in seconds; 0 sends each.
    :param has_quiet_hours: whether alerts wait at some times; the rule is asked when they are about to be sent.
    :param on_call: rotations, of which whoever is on call when the alert is sent is mentioned.
    :param escalates: whether others are notified while nobody has claimed the failure.
    :param reading_claims: whether whoever has read the alert has claimed the failure.
    """

    name: str
    severity: str | None = None
    group_by: tuple[str, ...] | None = None
    repeat_interval_seconds: float | None = None
    has_quiet_hours: bool = False
    on_call: tuple[str, ...] | None = None
    escalates: bool = False
    reading_claims: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The plain form of what it asks for."""
        lists = {name: list(value) for name in ("group_by", "on_call") if (value := getattr(self, name))}
        values = {**self._asdict(), **lists}
        return {name: value for name, value in values.items() if value is not None and value is not False}


def alert_of(
    facts: RunFacts,
    mailbox: Mailbox,
    *,
    at: float,
    message: Mapping[str, Any] | None,
    mentions: At | None,
    language: str | None,
    problems: Mapping[str, str] | None = None,
    rule: RuleEffects | None = None,
) -> Alert:
    """The alert of these facts.

    :param at: now, in seconds since 1970.
    :param message: the notifier's own message in its plain form, redacted.
    :param problems: name of each argument of the notifier that can't be used -> why.
    :param rule: the rule that decided that the mailbox gets it; ``None`` for a notifier of the DAG.
    """
    if rule is not None and rule.severity:
        facts = facts._replace(severity=rule.severity)
    people = mentions.to_dict() if mentions else None
    # A message that can't be sent counts, too: its success is reported without a failure before it.
    wanted = message or (problems or {}).get("message")
    if wanted is not None and not facts.event.repeated_by_airflow:
        occurrence = key = unique_key()
    else:
        occurrence = _occurrence(facts, at)
        on_call = rule.on_call if rule is not None else None
        mentioned = {**(people or {}), "on_call": list(on_call)} if on_call else people
        key = key_with(occurrence, wanted, mentioned, facts.pausing_after)
    return Alert(
        key=key,
        occurrence=occurrence,
        mailbox=mailbox,
        event=facts.event,
        at=at,
        # A file that can't be imported has no DAG: its incident, and its line in a digest, are those of the file.
        # A baseline may have the name of a DAG, whose success doesn't end it; no id of a DAG has a blank in it.
        dag_id=facts.dag_id or facts.file or (f"baseline {facts.baseline}" if facts.baseline else ""),
        run_id=facts.run_id,
        task_id=facts.task_id,
        map_index=facts.map_index,
        try_number=facts.try_number,
        resolved=wanted is None and facts.event.resolves_incident,
        summary=_summary(facts),
        log_link=facts.log_link,
        # The page of something that is over shows nothing of it any more.
        run_link=facts.run_link or (None if facts.event.resolves_incident else facts.page_link),
        answer_link=facts.answer_link,
        environment=facts.environment,
        owners=facts.owners,
        facts=facts.to_dict(),
        message=message,
        mentions=people,
        language=language,
        problems=problems or {},
        rule=rule.to_dict() if rule else {},
    )


def _occurrence(facts: RunFacts, at: float) -> str:
    """The name of an occurrence; a run without a start is distinguished from its next attempt by the hour."""
    distinction = facts.occurrence
    if facts.event.is_about_baseline:
        return key_of_baseline(facts.baseline or "", facts.event.value, distinction)
    if facts.event.is_about_file:
        return key_of_file(facts.file or "", facts.event.value, distinction)
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
    words = words or facts.subject or summary_of(facts.dbt_results, facts.dbt_result_count)
    if not words and facts.reason not in (None, "success"):
        words = str(facts.reason)
    # Names that digests replace by a text of their language, as those of Airflow.
    if not words and facts.killed_from_outside:
        words = KILLED
    if not words and facts.never_started:
        words = NEVER_STARTED
    return words[:_SUMMARY_CHARACTERS]
