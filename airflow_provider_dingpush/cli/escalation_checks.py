"""Checks of escalations: what would keep a step from reaching somebody in the night. Nothing is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.cli.doctor_words import CHECKS, RESULTS, Words
from airflow_provider_dingpush.cli.findings import Check, Finding, Severity, found
from airflow_provider_dingpush.cli.known_dags import KnownDags
from airflow_provider_dingpush.cli.option_sources import SECTION, OptionSources
from airflow_provider_dingpush.cli.problems import in_one_line
from airflow_provider_dingpush.errors import DingTalkError, OutboxError, RulesFileError
from airflow_provider_dingpush.events import Event
from airflow_provider_dingpush.pipeline.composing import local_zone
from airflow_provider_dingpush.pipeline.escalation_obstacles import Kind, Obstacle, escalating, obstacles
from airflow_provider_dingpush.pipeline.routes import rules_in

if TYPE_CHECKING:
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.labels import Labels
    from airflow_provider_dingpush.rules.rule_set import RuleSet

_FLUSH_SECONDS = 300.0
_MOST_NAMES = 10
_WARNINGS = {Kind.OWNERS_UNKNOWN, Kind.NO_LIMIT}


@dataclass(frozen=True)
class EscalationSubject:
    """What the checks of escalations look at.

    :param sources: where options are set.
    :param store: the outbox that is configured; ``None`` if it can't be used, which another check finds.
    """

    sources: OptionSources
    store: Store | None

    @property
    def rules(self) -> RuleSet | None:
        """The rules, if some of them escalate and the file has no mistake, which another check finds."""
        file = airflow_option(SECTION, "rules_file")
        with suppress(RulesFileError):
            rules = rules_in(Path(file).expanduser()) if file else None
            return rules if rules is not None and escalating(rules) else None
        return None


def apps_of_escalations(sources: OptionSources) -> tuple[str, ...]:
    """The connections of apps that rules name for their escalations."""
    rules = EscalationSubject(sources, None).rules
    named = (each.escalation.app for each in (escalating(rules) if rules else ()) if each.escalation)
    return tuple(dict.fromkeys(each for each in named if each is not None))


def _steps(subject: EscalationSubject) -> Iterator[Finding]:
    rules = subject.rules
    if rules is None:
        return
    where = subject.sources.where("rules_file")
    is_fine = True
    for each in obstacles(rules, datetime.now(local_zone()), list(_failures(KnownDags.read()))):
        severity = Severity.WARNING if each.kind in _WARNINGS else Severity.ERROR
        is_fine = is_fine and severity is Severity.WARNING
        english, chinese = _values(each, "en"), _values(each, "zh")
        code = f"escalation_{each.kind.value}"
        text: Words = RESULTS[code][0].format(**english), RESULTS[code][1].format(**chinese)
        yield Finding("escalation", severity, code, CHECKS["escalation"], text, where)
    if is_fine:
        count = len(escalating(rules))
        yield found("escalation", Severity.OK, "escalation_ok", set_in=where, rules=count)


def _failures(known: KnownDags) -> Iterator[Labels]:
    """The labels of a failure of each task."""
    from airflow_provider_dingpush.rules.labels import labels_of

    for dag in known.dags:
        for task_id, owner in dag.tasks.items():
            yield labels_of(Event.TASK_FAILED, dag.dag_id, task_id=task_id, tags=dag.tags, owners=(owner,))


def _values(obstacle: Obstacle, language: str) -> dict[str, object]:
    comma = "、" if language == "zh" else ", "
    names = [*obstacle.names[:_MOST_NAMES], *(["…"] if len(obstacle.names) > _MOST_NAMES else [])]
    return {
        "rules": comma.join(obstacle.rules),
        "ways": comma.join(each.words(language) for each in obstacle.ways),
        "names": comma.join(names),
        "problem": _problem(obstacle, language),
        "since": f"{obstacle.since.astimezone(local_zone()):%m-%d %H:%M}" if obstacle.since is not None else "",
    }


def _problem(obstacle: Obstacle, language: str) -> str:
    problem = obstacle.problem
    if problem is None:
        return ""
    return in_one_line(problem, language) if isinstance(problem, DingTalkError) else problem.reason(language)


def _flush(subject: EscalationSubject) -> Iterator[Finding]:
    """Without the flush nothing escalates: late is as bad as never."""
    if subject.rules is None or subject.store is None:
        return
    with suppress(OutboxError):  # found by another check
        flushed_at = subject.store.outbox.last_flush()
        if flushed_at is None or abs(time.time() - flushed_at) >= _FLUSH_SECONDS:
            yield found("escalation_flush", Severity.ERROR, "escalation_no_flush")
        else:
            yield found("escalation_flush", Severity.OK, "escalation_flush_ok")


ESCALATION_CHECKS: tuple[Check[EscalationSubject], ...] = (
    Check("escalation", _steps),
    Check("escalation_flush", _flush),
)
"""In the order in which they are shown; nothing is found if no rule escalates."""
