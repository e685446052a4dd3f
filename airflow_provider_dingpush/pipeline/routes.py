"""Who is notified of an event of any DAG: ``[dingpush] alert_conn_id``, or the rules of ``rules_file``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_dingpush.airflow_compat import airflow_option
from airflow_provider_dingpush.alerts.run_alert import RuleEffects
from airflow_provider_dingpush.errors import RulesFileError
from airflow_provider_dingpush.pipeline.notifier_arguments import GivenArguments

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.events import Event
    from airflow_provider_dingpush.messages.mentions import At
    from airflow_provider_dingpush.rules.duty_table import OnCall
    from airflow_provider_dingpush.rules.labels import Labels
    from airflow_provider_dingpush.rules.rule_set import Rule, RuleSet
    from airflow_provider_dingpush.targets import Target

_log = logging.getLogger(__name__)
LAST_RESORT = "dingtalk_default"
"""The connection for failures if the rules file has mistakes and ``alert_conn_id`` is empty."""


BY_DEFAULT = RuleEffects("alert_conn_id")
"""What decides about an event if no rule applies."""


class Route(NamedTuple):
    """One receiver of an event.

    :param conn_id: id of its connection.
    :param to: the target of an app; whoever is on call is looked up when the alert is sent.
    :param at: people to mention, besides the owners and whoever is on call.
    :param language: of the alert; ``None`` for that of the connection.
    :param rule: what decided, and what it asks for besides.
    """

    conn_id: str
    to: Target | OnCall | None = None
    at: At | None = None
    language: str | None = None
    rule: RuleEffects = BY_DEFAULT

    def alert(self, facts: RunFacts, *, at: float) -> Alert:
        """The alert of an event for this receiver, with the built-in text.

        :param at: now, in seconds since 1970.
        """
        from airflow_provider_dingpush.alerts.mailboxes import mailbox_of
        from airflow_provider_dingpush.alerts.run_alert import alert_of
        from airflow_provider_dingpush.pipeline.alert_sizes import bounded

        return bounded(
            alert_of(
                facts,
                mailbox_of(self.conn_id, self.to),
                at=at,
                message=None,
                mentions=self.at,
                language=self.language,
                rule=self.rule,
            )
        )

    @property
    def arguments(self) -> GivenArguments:
        """The arguments of a notifier that would send the same."""
        return GivenArguments(self.conn_id, at=self.at, to=self.to, language=self.language, rule=self.rule)


def routes_of(facts: RunFacts, *, is_asked_for: bool = False) -> tuple[Route, ...]:
    """Who is notified of an event.

    If the rules file has mistakes, everybody's failures go to ``alert_conn_id``, or else to ``dingtalk_default``: a
    mistake there must not lose an alert.

    :param is_asked_for: the task itself asks for this notification, by ``email_on_failure`` or ``email_on_retry``. So
        it is sent unless a rule decides otherwise: also a retry, and without ``alert_conn_id`` to ``dingtalk_default``.
    """
    rules_file, conn_id = airflow_option("dingpush", "rules_file"), airflow_option("dingpush", "alert_conn_id")
    if rules_file:
        try:
            rules = rules_in(Path(rules_file).expanduser())
        except RulesFileError as mistake:
            _log.error("%s Alerts go to connection %r meanwhile.", mistake, conn_id or LAST_RESORT)
            conn_id = conn_id or LAST_RESORT
            _tell(mistake, Path(rules_file).expanduser(), conn_id)
        else:
            routes = routes_by(rules, labels_of_facts(facts))
            if routes is not None:
                return routes
    if is_asked_for or (conn_id and goes_to_alert_conn_id(facts.event)):
        return (Route(conn_id or LAST_RESORT),)
    return ()


def _tell(mistake: RulesFileError, path: Path, fallback: str) -> None:
    """Write the alert that the rules file is broken; whatever happens there, the alert at hand isn't lost."""
    from airflow_provider_dingpush.pipeline.rules_file_alerts import tell_mistake

    try:
        tell_mistake(mistake, path, fallback)
    except Exception as problem:  # noqa: BLE001 - see above
        _log.error("The alert about the rules file was not written (%s).", type(problem).__name__)


def routes_by(rules: RuleSet, labels: Labels) -> tuple[Route, ...] | None:
    """Who is notified by the rules of a file; ``None`` if none applies."""
    applying = rules.applying_to(labels)
    if not applying:
        return None
    return tuple(
        Route(rule.receiver, rule.to, rule.at, rule.language, effects_of(rule)) for rule in applying if rule.receiver
    )


def effects_of(rule: Rule) -> RuleEffects:
    """What an alert remembers of its rule: its name, and what it asks for when the alert is sent."""
    return RuleEffects(
        rule.name,
        severity=rule.severity and rule.severity.value,
        group_by=rule.group_by,
        repeat_interval_seconds=rule.repeat_interval_seconds,
        has_quiet_hours=bool(rule.mute_time_intervals or rule.active_time_intervals),
        on_call=rule.on_call or None,
        escalates=rule.escalation is not None,
        reading_claims=rule.reading_claims,
    )


def goes_to_alert_conn_id(event: Event) -> bool:
    """Whether ``alert_conn_id`` gets such events without a rule: failures, and what ends them."""
    return (event.is_failure and event.opens_incident) or event.resolves_incident


def labels_of_facts(facts: RunFacts) -> Labels:
    """What rules can match of an event."""
    from airflow_provider_dingpush.rules.labels import labels_of

    return labels_of(
        facts.event,
        facts.dag_id,
        dag_ids=facts.baseline_dags,
        task_id=facts.task_id,
        tags=facts.tags,
        owners=facts.owners,
        run_type=facts.run_type,
        team=facts.team,
        file=facts.file,
    )


_Version = tuple[int, int, int]


class _ReadRules(NamedTuple):
    """The rules of a file, or its mistakes, as of its last change.

    :param version: of the file.
    :param result: its rules, or its mistakes.
    :param others: the files that it names, each with its version; ``None`` if there is none.
    """

    version: _Version
    result: RuleSet | RulesFileError
    others: tuple[tuple[Path, _Version | None], ...] = ()

    def is_current(self, version: _Version) -> bool:
        """Whether neither the file nor one that it names has changed."""
        return self.version == version and all(_version_of(path) == known for path, known in self.others)


def _version_of(path: Path) -> _Version | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


_known: dict[Path, _ReadRules] = {}


def rules_in(path: Path) -> RuleSet:
    """The rules of a file, which is read again only after it, or the calendar that it names, has changed.

    :raises RulesFileError: if it can't be read, or has mistakes.
    """
    try:
        status = path.stat()
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = _known.get(path)
        if known is None or not known.is_current(version):
            known = _known[path] = _read(path, version)
    except OSError as error:
        raise RulesFileError(
            f"The rules file {path} can't be read ({error.strerror or type(error).__name__}).",
            "Check [dingpush] rules_file, and that every machine of Airflow has the file. "
            "请检查 [dingpush] rules_file，以及 Airflow 的每台机器上是否都有该文件。",
            problem_zh=f"无法读取规则文件 {path}（{error.strerror or type(error).__name__}）",
        ) from None
    if isinstance(known.result, RulesFileError):
        raise known.result
    return known.result


def _read(path: Path, version: _Version) -> _ReadRules:
    from airflow_provider_dingpush.connection_ids import holds_credential
    from airflow_provider_dingpush.delivery.policy import GROUP_LABELS
    from airflow_provider_dingpush.pipeline.composing import local_zone
    from airflow_provider_dingpush.rules.reading import read_rules

    others: list[tuple[Path, _Version | None]] = []

    def text_of(name: str) -> str:
        other = path.parent / name
        others.append((other, _version_of(other)))
        return other.read_text("utf-8")

    try:
        text = path.read_text("utf-8")
        rules = read_rules(
            text,
            path.name,
            zone=local_zone(),
            read_file=text_of,
            group_labels=GROUP_LABELS,
            is_secret=holds_credential,
        )
    except RulesFileError as mistake:
        return _ReadRules(version, mistake, tuple(others))
    except UnicodeDecodeError:
        not_utf_8 = RulesFileError(
            f"The rules file {path} isn't UTF-8.",
            "Save it as UTF-8. 请保存为 UTF-8。",
            problem_zh=f"规则文件 {path} 不是 UTF-8 编码",
        )
        return _ReadRules(version, not_utf_8)
    return _ReadRules(version, rules, tuple(others))
