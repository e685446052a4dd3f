"""The gate of a leader: what silences and quiet hours say about an alert that is about to be sent.

A silence comes first, because a person said so, then the quiet hours of the alert's rule. What both let pass may still
follow from another failure (:mod:`~airflow_provider_dingpush.delivery.open_incidents`). The rules file is read only if
an alert comes from a rule that has quiet hours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import MAXYEAR, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.delivery.gate import SEND, GateDecision, Verdict, without_gate
from airflow_provider_dingpush.errors import OutboxError, RulesFileError
from airflow_provider_dingpush.events import Urgency
from airflow_provider_dingpush.timeouts import END_OF_TIME

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.delivery.gate import Gate
    from airflow_provider_dingpush.rules.labels import Labels
    from airflow_provider_dingpush.rules.rule_set import Rule
    from airflow_provider_dingpush.rules.silences import Silence
    from airflow_provider_dingpush.storage.outbox import Outbox

_log = logging.getLogger(__name__)
_SAME_MOMENT_SECONDS = 1.0


def gate_of(outbox: Outbox) -> Gate | None:
    """The gate of a leader; ``None`` if there are no silences and no rules, so that nothing has to be asked."""
    from airflow_provider_dingpush.pipeline.silences import silences_in

    try:
        silences = silences_in(outbox)
    except OutboxError as problem:
        # To send what is silenced is better than to send nothing.
        _log.warning("Silences can't be read, so nothing is silenced: %s", problem)
        silences = ()
    rules_file = airflow_option("dingpush", "rules_file")
    if not silences and not rules_file:
        return None
    return _Gate(silences, Path(rules_file).expanduser() if rules_file else None)


class _Gate:
    """Silences and quiet hours, as they are when a leader begins.

    :param silences: those that haven't ended.
    :param rules_file: the rules; ``None`` without any.
    """

    def __init__(self, silences: Sequence[Silence], rules_file: Path | None) -> None:
        self._silences = silences
        self._rules_file = rules_file
        self._rules: dict[str, Rule] | None = None
        self._muted: dict[str, tuple[float, GateDecision]] = {}

    def __call__(self, alert: Alert, now: float, before: GateDecision | None) -> GateDecision:
        return self._silenced(alert, now) or self._quiet_hours(alert, now, before)

    def _silenced(self, alert: Alert, now: float) -> GateDecision | None:
        """What a silence says; of several the one that lasts longest."""
        if not self._silences:
            return None
        labels = labels_of_alert(alert)
        matching = [each for each in self._silences if now < each.until and each.matches(labels)]
        if not matching:
            return None
        longest = max(matching, key=lambda each: each.until)
        return GateDecision(Verdict.SILENCED, longest.id, longest.until, longest.about)

    def _quiet_hours(self, alert: Alert, now: float, before: GateDecision | None) -> GateDecision:
        if not alert.rule.get("has_quiet_hours"):
            return SEND
        if alert.urgency is Urgency.P1:
            return SEND
        rule = self._rule_named(str(alert.rule.get("name")))
        if rule is None:
            # A file that is broken, or whose rule has another name now, doesn't end the night.
            return without_gate(alert, now, before)
        at, decision = self._muted.get(rule.name, (0.0, SEND))
        # To find the end of an interval takes a while, and a digest may have a thousand alerts.
        if abs(now - at) > _SAME_MOMENT_SECONDS:
            decision = _decision_of(rule, now)
            self._muted[rule.name] = (now, decision)
        return decision

    def _rule_named(self, name: str) -> Rule | None:
        if self._rules is None:
            self._rules = {}
            if self._rules_file is not None:
                from airflow_provider_dingpush.pipeline.routes import rules_in

                try:
                    self._rules = {each.name: each for each in reversed(rules_in(self._rules_file).rules)}
                except RulesFileError as mistake:
                    _log.error(
                        "%s Quiet hours are unknown: new alerts are sent, held ones wait for their time.", mistake
                    )
        return self._rules.get(name)


def _decision_of(rule: Rule, now: float) -> GateDecision:
    """What a rule says about its alerts, which aren't of P1."""
    from airflow_provider_dingpush.pipeline.composing import local_zone

    moment = datetime.fromtimestamp(now, local_zone())
    until = rule.muted_until(Urgency.P4, moment)
    if until is None:
        return SEND
    by = rule.muted_by(moment)
    # Quiet hours without an end wait until the last second that ``datetime`` knows.
    end = END_OF_TIME - 1 if until.year >= MAXYEAR else until.timestamp()
    return GateDecision(Verdict.HELD, by, end, by.replace("!", ""))


def labels_of_alert(alert: Alert) -> Labels:
    """What silences can match of an alert that was written before: its severity may be that of its rule."""
    return labels_of_event(alert)._replace(severity=(alert.urgency.value,))


def labels_of_event(alert: Alert) -> Labels:
    """What rules can match of the event of an alert that was written before, perhaps by another version."""
    from airflow_provider_dingpush.rules.labels import labels_of

    def texts(value: Any) -> tuple[str, ...]:
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, (list, tuple)) else ()

    run_type, team = alert.facts.get("run_type"), alert.facts.get("team")
    return labels_of(
        alert.event,
        alert.dag_id,
        dag_ids=texts(alert.facts.get("baseline_dags")),
        task_id=alert.task_id,
        tags=texts(alert.facts.get("tags")),
        owners=alert.owners,
        run_type=run_type if isinstance(run_type, str) else None,
        team=team if isinstance(team, str) else None,
    )
