"""An alert that no store could write: sent at once if the rate limit allows it, else stored on a second try."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import redact
from airflow_provider_dingpush.errors import AlertsWaitingError, ContentError, DingTalkError, OutboxError
from airflow_provider_dingpush.pipeline import callback_limits
from airflow_provider_dingpush.pipeline.callback_limits import require_time

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.timeouts import Deadline


@dataclass(frozen=True)
class UnstoredAlert:
    """An alert that no store could write.

    :param facts: what happened.
    :param alert: as far as it can be stored.
    :param message: the notifier's own message, which may be one that can't be stored.
    :param problems: name of each argument of the notifier that can't be used -> why.
    """

    facts: RunFacts
    alert: Alert
    message: Message | None
    problems: Mapping[str, str]


def send_unstored(
    unstored: UnstoredAlert,
    stores: Sequence[Store],
    deadline: Deadline,
    call_within: Callable[[Callable[[], Any], float], Any],
) -> None:
    """Send the alert if the rate limit allows it now; otherwise try once more to store it.

    :param call_within: calls a function and waits for it so many seconds at most.
    :raises AlertsWaitingError: if it was not sent, but a store has it now.
    :raises DingTalkError: if it was neither sent nor stored.
    """
    try:
        _send(unstored, stores, deadline, call_within)
    except DingTalkError as problem:
        from airflow_provider_dingpush.pipeline.stores import store_alert

        try:
            store_alert(unstored.alert, stores)
        except OutboxError:
            raise problem from None
        raise AlertsWaitingError(str(problem)) from None


def _send(
    unstored: UnstoredAlert,
    stores: Sequence[Store],
    deadline: Deadline,
    call_within: Callable[[Callable[[], Any], float], Any],
) -> None:
    from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
    from airflow_provider_dingpush.messages.plain_forms import redacted
    from airflow_provider_dingpush.pipeline.composing import composer_for
    from airflow_provider_dingpush.pipeline.direct_sends import slot_now
    from airflow_provider_dingpush.pipeline.duty import KnownDuty
    from airflow_provider_dingpush.pipeline.receivers import receiver_of_mailbox

    alert = unstored.alert
    receiver = call_within(lambda: receiver_of_mailbox(alert.mailbox), require_time(deadline))
    composer = composer_for(receiver, receiver.hook.settings, KnownDuty())
    language = composer.language_of([alert])
    at = composer.mentions_of([alert])
    own = unstored.message and redacted(unstored.message, redact)

    def send(message: Message | None, problems: Mapping[str, str]) -> None:
        whole = composer.message_about(unstored.facts, message, problems, language=language)
        plan = AttemptPlan(budget_seconds=min(require_time(deadline), callback_limits.CALLBACK_SECONDS))
        receiver.hook.send_alert(whole, at=at, to=receiver.target, language=language, plan=plan)

    with slot_now(receiver, alert.mailbox, stores, deadline):
        try:
            send(own, unstored.problems)
        except ContentError as refused:
            if own is None:
                raise
            send(None, {**unstored.problems, "message": redact(str(refused))})
