"""The notifier: a callback that reports in DingTalk what happened to a task or a DAG run."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import BaseNotifier, notifier_takes_context, run_in_thread
from airflow_provider_dingpush.hooks import DingTalkRobotHook

if TYPE_CHECKING:
    from airflow_provider_dingpush.airflow_compat import Context
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.targets import Target

__all__ = ["DingTalkNotifier"]


class DingTalkNotifier(BaseNotifier):
    """Reports in DingTalk what happened: which task of which run failed, why, and where the log is.

    For ``on_failure_callback`` and the other callbacks of tasks and DAGs, for ``default_args``, and for deadlines. It
    never fails or delays the task that it reports: all notifiers of one task callback share 8 seconds, and errors are
    logged.

    Each alert is written into the outbox before it is sent. The first one is sent at once; if there are many at the
    same time, one process sends digests, and the others return. As ``on_success_callback`` it reports when a failure is
    resolved, and sends nothing otherwise, unless it has a message of its own.

    :param dingtalk_conn_id: id of a connection of type ``dingtalk_robot``, or of type ``dingtalk_app`` with ``to``.
    :param message: what is sent instead of the built-in alert: a str, a dict of DingTalk's shape, a message, or the
        path of a template file; Jinja in it sees the context and, as ``facts``, the
        :class:`~airflow_provider_dingpush.alerts.run_facts.RunFacts`. If it can't be rendered, the built-in alert is
        sent.
    :param at: who is mentioned, besides the owners listed in the connection's ``mentions`` (those of failures only).
    :param to: the target of an app's message: ``Group``, ``Users``, ``WorkNotification`` or a plain form of them; by
        default the connection's group. A custom robot accepts none.
    :param language: ``zh`` or ``en``; by default that of the connection, or else ``[dingpush] language``.
    :param raise_on_failure: raise errors instead of only logging them: an
        :class:`~airflow_provider_dingpush.errors.AlertsWaitingError` if the alert is stored but could not be sent yet.
    :raises TypeError: for an argument without its name, and for one that a notifier doesn't have.
    :raises ValueError: for a language that is neither ``zh`` nor ``en``.
    """

    template_fields: Sequence[str] = ("message", "at", "to", "dingtalk_conn_id")

    def __init__(
        self,
        *called_with: Any,
        dingtalk_conn_id: str = DingTalkRobotHook.default_conn_name,
        message: Message | str | Mapping[str, Any] | None = None,
        at: At | Mapping[str, Any] | None = None,
        to: Target | str | Mapping[str, Any] | None = None,
        language: str | None = None,
        raise_on_failure: bool = False,
        **kwargs: Any,
    ) -> None:
        self.dingtalk_conn_id = dingtalk_conn_id
        self.message = message
        self.at = at
        self.to = to
        self.language = None if language is None else _checked_language(language)
        self.raise_on_failure = raise_on_failure
        # A deadline passes its context here, because the constructor accepts **kwargs.
        unknown = sorted(set(kwargs) - ({"context"} if notifier_takes_context() else set()))
        if unknown:
            raise TypeError(f"DingTalkNotifier() got unexpected arguments {unknown}")
        super().__init__(**kwargs)
        if called_with:
            # ``on_failure_callback=DingTalkNotifier``, without brackets: Airflow calls the class as it does a notifier.
            self._called(called_with)

    def __call__(self, *args: Any) -> None:
        """Send the alert of a context, which Airflow passes alone (Airflow 2 passes five arguments for an SLA)."""
        from airflow_provider_dingpush.pipeline.callback_context import context_of

        self.notify(context_of(args))

    def __await__(self) -> Generator[Any, None, None]:
        """Send the alert of the context that the constructor was given, without blocking the event loop."""
        return self.async_notify(self.context).__await__()

    async def async_notify(self, context: Context) -> None:
        """Send the alert from an event loop: the work is done in a thread."""
        await run_in_thread(lambda: self._notify(context, in_triggerer=True))

    def notify(self, context: Context) -> None:
        """Send the alert. The notifier isn't changed, so it can be used many times and from many threads.

        :raises DingTalkError: only with ``raise_on_failure=True``.
        """
        self._notify(context, in_triggerer=False)

    def _notify(self, context: Mapping[str, Any], *, in_triggerer: bool) -> None:
        from airflow_provider_dingpush.pipeline.callback import notify
        from airflow_provider_dingpush.pipeline.notifier_arguments import GivenArguments

        given = GivenArguments(self.dingtalk_conn_id, self.message, self.at, self.to, self.language)
        notify(given, context, in_triggerer=in_triggerer, raise_on_failure=self.raise_on_failure)

    def _called(self, arguments: tuple[Any, ...]) -> None:
        """Send the alert if these are arguments of a callback, and refuse a setting without its name."""
        from airflow_provider_dingpush.pipeline.callback_context import are_callback_arguments

        if not are_callback_arguments(arguments):
            raise TypeError(
                "DingTalkNotifier() takes arguments by name only: "
                'write DingTalkNotifier(dingtalk_conn_id="…", message="…").'
            )
        self(*arguments)


def _checked_language(language: str) -> str:
    from airflow_provider_dingpush.connection_values import read_language

    try:
        return read_language(language)
    except ValueError as rule:
        raise ValueError(f"DingTalkNotifier(language={language!r}): it {rule}.") from None
