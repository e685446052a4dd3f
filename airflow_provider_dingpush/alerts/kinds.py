"""The kinds of alerts, by which a digest counts them."""

from __future__ import annotations

from enum import Enum

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.events import Severity, Urgency


class Kind(Enum):
    """The kind of an alert among the others; the worst comes first."""

    FAILED = "failed"
    LATE = "late"
    AT_RISK = "at_risk"
    QUESTION = "question"
    """A task waits for a person's answer: each is shown whole, with its own link, and never only counted."""
    RETRYING = "retrying"
    EARLIER = "earlier"
    """A try that failed and was retried, if the digest has a later try of the same task as well."""
    RECOVERED = "recovered"
    OTHER = "other"


MARKS = {
    Kind.FAILED: Severity.FAILURE.value,
    Kind.LATE: Severity.LATE.value,
    Kind.AT_RISK: Severity.RISK.value,
    Kind.QUESTION: Severity.QUESTION.value,
    Kind.RETRYING: Severity.RETRY.value,
    Kind.EARLIER: Severity.RETRY.value,
    Kind.RECOVERED: Severity.GOOD.value,
    Kind.OTHER: Severity.INFO.value,
}
"""The mark of each kind."""

URGENT_MARK = "🚨"
"""The mark of a failure of P1."""

_KINDS = {
    Severity.FAILURE: Kind.FAILED,
    Severity.LATE: Kind.LATE,
    Severity.RISK: Kind.AT_RISK,
    Severity.QUESTION: Kind.QUESTION,
    Severity.RETRY: Kind.RETRYING,
    Severity.WARNING: Kind.OTHER,
    Severity.GOOD: Kind.OTHER,
    Severity.INFO: Kind.OTHER,
}


def kind_of(alert: Alert) -> Kind:
    """The kind of an alert by itself."""
    return Kind.RECOVERED if alert.resolved else _KINDS[alert.event.severity]


def is_urgent(alert: Alert) -> bool:
    """Whether it is a failure of P1 that isn't over."""
    return alert.urgency is Urgency.P1 and alert.event.is_failure and not alert.resolved


def mark_of(alert: Alert) -> str:
    """The mark of an alert by itself."""
    return URGENT_MARK if is_urgent(alert) else MARKS[kind_of(alert)]
