"""What an alert is among others: how a digest counts it, and who is mentioned for it."""

from __future__ import annotations

from enum import Enum

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.events import Severity


class Kind(Enum):
    """What an alert is among the others; the worst comes first."""

    FAILED = "failed"
    LATE = "late"
    ASKING = "asking"
    """A task waits for a person's answer: each stands whole, with its own link, and in no count."""
    RETRYING = "retrying"
    EARLIER = "earlier"
    """A try that failed and was retried, where the digest has a later try of the same as well."""
    RECOVERED = "recovered"
    OTHER = "other"


MARKS = {
    Kind.FAILED: Severity.FAILURE.value,
    Kind.LATE: Severity.LATE.value,
    Kind.ASKING: Severity.QUESTION.value,
    Kind.RETRYING: Severity.RETRY.value,
    Kind.EARLIER: Severity.RETRY.value,
    Kind.RECOVERED: Severity.GOOD.value,
    Kind.OTHER: Severity.INFO.value,
}
"""The mark in front of each of them."""

_KINDS = {
    Severity.FAILURE: Kind.FAILED,
    Severity.LATE: Kind.LATE,
    Severity.QUESTION: Kind.ASKING,
    Severity.RETRY: Kind.RETRYING,
    Severity.GOOD: Kind.OTHER,
    Severity.INFO: Kind.OTHER,
}


def kind_of(alert: Alert) -> Kind:
    """What the alert is by itself."""
    return Kind.RECOVERED if alert.resolved else _KINDS[alert.event.severity]
