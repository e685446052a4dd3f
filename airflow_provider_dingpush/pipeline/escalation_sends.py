"""How a step of an escalation reaches somebody: the only file that knows DingTalk's ways, and who is on call."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_dingpush.errors import ConfigurationError, DingTalkError
from airflow_provider_dingpush.hooks import DingTalkAppHook, hook_of
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.oncall.escalation import Attempt, Outcome
from airflow_provider_dingpush.pipeline.claim_links import claim_link
from airflow_provider_dingpush.pipeline.direct_sends import slot_now
from airflow_provider_dingpush.pipeline.escalation_text import call_text, ding_text, message_about, todo_subject
from airflow_provider_dingpush.pipeline.redaction import described, redact_text
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt, Receipt, TodoReceipt
from airflow_provider_dingpush.rules.escalation_reading import OWNER
from airflow_provider_dingpush.rules.escalations import Way
from airflow_provider_dingpush.targets import Users

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.mailboxes import Mailbox
    from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan
    from airflow_provider_dingpush.messages.kinds import Markdown
    from airflow_provider_dingpush.pipeline.escalation_text import Because
    from airflow_provider_dingpush.pipeline.incidents import Incident
    from airflow_provider_dingpush.pipeline.stores import Store
    from airflow_provider_dingpush.rules.duty_table import DutyTable
    from airflow_provider_dingpush.rules.escalations import Escalation, Step
    from airflow_provider_dingpush.rules.people import Person
    from airflow_provider_dingpush.timeouts import Deadline

DEFAULT_APP = "dingtalk_app_default"
_ATTEMPT_SECONDS = 8.0
_DETAIL_CHARACTERS = 200
_OUTCOMES = {
    DingOutcome.SENT: Outcome.DONE,
    DingOutcome.PARTLY: Outcome.DONE,
    DingOutcome.NO_CREDIT: Outcome.NO_CREDIT,
    DingOutcome.NO_PERMISSION: Outcome.NO_PERMISSION,
    DingOutcome.EDITION: Outcome.EDITION,
    DingOutcome.REFUSED: Outcome.REFUSED,
    DingOutcome.UNAVAILABLE: Outcome.UNAVAILABLE,
    DingOutcome.UNKNOWN_OUTCOME: Outcome.UNKNOWN,
}
_KINDS = {Way.APP: DingKind.APP, Way.SMS: DingKind.SMS, Way.PHONE: DingKind.PHONE}
_KEYS, _TASK_IDS, _DING, _TODOS, _APP = "process_query_keys", "task_ids", "ding", "todos", "app"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be sent.

    :param incidents: whose step it is, the most urgent first; all go to the same place.
    :param step: of the rule.
    :param way: how; the step's own, or a lower one.
    :param because: why higher ways weren't taken.
    :param escalation: of the rule.
    :param now: in seconds since 1970.
    """

    incidents: tuple[Incident, ...]
    step: Step
    way: Way
    because: Because
    escalation: Escalation
    now: float

    @property
    def conn_id(self) -> str:
        """The connection of the app that reaches people."""
        return self.escalation.app or self.incidents[0].failure.conn_id


class Sent(NamedTuple):
    """The result of an order.

    :param outcome: its outcome.
    :param people: user ids of those that were reached.
    :param receipt: incident -> what DingTalk needs later, as plain data.
    :param detail: what DingTalk answered.
    """

    outcome: Outcome
    people: tuple[str, ...] = ()
    receipt: Mapping[str, Mapping[str, Any]] = {}
    detail: str = ""


class Sends:
    """Sends what is due, through the connections of this Airflow.

    :param duty: the people of the rules file, and who is on call.
    :param stores: where slots of the rate limit are taken.
    :param deadline: of all of it.
    """

    def __init__(self, duty: DutyTable, stores: Sequence[Store], deadline: Deadline) -> None:
        self._duty = duty
        self._stores = stores
        self._deadline = deadline
        self._apps: dict[str, DingTalkAppHook] = {}

    def people_of(self, order: Order) -> list[Person]:
        """Whom an order is for; each person once."""
        moment = datetime.fromtimestamp(order.now, timezone.utc)
        found: dict[str, Person] = {}
        for word in order.step.who:
            owners = dict.fromkeys(owner for each in order.incidents for owner in each.failure.owners)
            named = (
                [self._duty.people.named(each) for each in owners] if word == OWNER else [self._duty.find(word, moment)]
            )
            found.update({each.name: each for each in named if each is not None})
        return list(found.values())

    def send(self, order: Order, people: Sequence[Person]) -> Sent:
        """Do what is due. Never raises.

        :param people: of :meth:`people_of`.
        """
        if order.way is not Way.GROUP and not people:
            return Sent(Outcome.NOBODY, detail=", ".join(order.step.who))
        try:
            return _SENDERS[order.way](self, order, people)
        except DingTalkError as problem:
            return Sent(_outcome_of(problem), detail=redact_text(str(problem))[:_DETAIL_CHARACTERS])
        except Exception as problem:  # noqa: BLE001 - what isn't known may have reached somebody
            _log.error("A step of an escalation failed: %s", described(problem))
            return Sent(Outcome.UNKNOWN, detail=described(problem)[:_DETAIL_CHARACTERS])

    def readers(self, attempt: Attempt) -> list[str]:
        """Who has read what an attempt sent: one call of DingTalk's monthly quota for each of its messages.

        Names of people, or user ids of those that the rules file doesn't name. Empty if nobody has, or DingTalk
        doesn't say.
        """
        conn_id = attempt.receipt.get(_APP)
        if not isinstance(conn_id, str) or attempt.outcome not in (Outcome.DONE, Outcome.UNKNOWN):
            return []
        try:
            user_ids = self._read_by(self._app(conn_id), attempt)
        except DingTalkError as problem:
            _log.warning("DingTalk doesn't say who has read a message of an escalation: %s", problem)
            return []
        names = {each.user_id: each.name for each in self._duty.people.persons}
        return [names.get(each) or each for each in user_ids]

    @staticmethod
    def receipt_of_alert(mailbox: Mailbox, handles: Sequence[str]) -> Mapping[str, Any]:
        """What DingTalk needs to say who has read an alert, as plain data.

        :param mailbox: of the alert, whose target is people.
        :param handles: of its message.
        """
        is_work_notification = "work_notification" in (json.loads(mailbox.target) if mailbox.target else {})
        return {_APP: mailbox.conn_id, _TASK_IDS if is_work_notification else _KEYS: list(handles)}

    def close_todos(self, attempt: Attempt) -> None:
        """Mark the to-dos of an attempt as done.

        :raises DingTalkError: if DingTalk refuses.
        """
        conn_id = attempt.receipt.get(_APP)
        for plain in attempt.receipt.get(_TODOS, ()) if isinstance(conn_id, str) else ():
            self._app(str(conn_id)).todos.complete(TodoReceipt.from_dict(plain), deadline=self._limit)

    # ------------------------------------------------------------------------------------------------ the ways

    def _to_group(self, order: Order, people: Sequence[Person]) -> Sent:
        from airflow_provider_dingpush.pipeline.receivers import AppReceiver, receiver_of_mailbox

        mailbox = order.incidents[0].mailbox
        receiver = receiver_of_mailbox(mailbox)
        language = self._language(order, receiver.hook)
        message = self._message(order, language)
        # A robot mentions those that could not be reached otherwise.
        at = At.union([each.at for each in people])
        target = receiver.target if isinstance(receiver, AppReceiver) else None
        with slot_now(receiver, mailbox, self._stores, self._limit):
            receiver.hook.send_alert(message, at=at, to=target, language=language, plan=self._plan())
        return Sent(Outcome.DONE)

    def _to_people(self, order: Order, people: Sequence[Person]) -> Sent:
        from airflow_provider_dingpush.alerts.mailboxes import mailbox_of
        from airflow_provider_dingpush.pipeline.receivers import receiver_of_hook

        hook, users = self._app_of(order), _users(people)
        message = self._message(order, self._language(order, hook), reading_claims=order.escalation.ack_read)
        mailbox = mailbox_of(hook.dingtalk_conn_id, users)
        with slot_now(receiver_of_hook(hook, users), mailbox, self._stores, self._limit):
            sent = hook.channel(users, self._plan()).send(message)
        receipt = {_APP: hook.dingtalk_conn_id, _KEYS: list(getattr(sent, "process_query_keys", ()))}
        return Sent(Outcome.DONE, tuple(users.user_ids), _for_all(order, receipt))

    def _ding(self, order: Order, people: Sequence[Person]) -> Sent:
        hook = self._app_of(order)
        language = self._language(order, hook)
        is_call = order.way is Way.PHONE
        text = (
            call_text(order.incidents, language)
            if is_call
            else ding_text(order.incidents, order.because, order.now, language)
        )
        result = hook.dings.try_send(text, _users(people), kind=_KINDS[order.way], deadline=self._limit)
        detail = redact_text(str(result.error or "; ".join(sorted(set(result.failed.values())))))
        receipt = {_APP: hook.dingtalk_conn_id, _DING: result.to_dict()} if order.way is Way.APP else {}
        reached = (*result.reached, *result.uncertain)
        return Sent(_OUTCOMES[result.outcome], reached, _for_all(order, receipt), detail[:_DETAIL_CHARACTERS])

    def _todo(self, order: Order, people: Sequence[Person]) -> Sent:
        hook = self._app_of(order)
        language, receipts = self._language(order, hook), {}
        for each in order.incidents:
            failure = each.failure
            todo = hook.todos.create(
                todo_subject(each, language),
                _users(people),
                # A later failure of the same task, after a recovery, is another to-do.
                source_id=f"dingpush-{each.id}-{failure.since:.0f}",
                url=failure.run_link or failure.log_link or _page(),
                description=failure.summary,
                priority=order.step.priority,
                pop_up=True,
                deadline=self._limit,
            )
            receipts[each.id] = {_APP: hook.dingtalk_conn_id, _TODOS: [todo.to_dict()]}
        return Sent(Outcome.DONE, tuple(_users(people).user_ids), receipts)

    # ------------------------------------------------------------------------------------------------ inside

    @property
    def _limit(self) -> Deadline:
        return self._deadline.sub(_ATTEMPT_SECONDS)

    def _plan(self) -> AttemptPlan:
        from airflow_provider_dingpush.dingtalk.attempts import AttemptPlan

        return AttemptPlan(attempts=1, budget_seconds=max(0.1, self._limit.seconds_left()))

    def _message(self, order: Order, language: str, *, reading_claims: bool = False) -> Markdown:
        link = claim_link([each.id for each in order.incidents])
        message = message_about(
            order.incidents, order.because, order.now, language, reading_claims=reading_claims, claim_link=link
        )
        return replace(message, title=redact_text(message.title), text=redact_text(message.text))

    def _language(self, order: Order, hook: Any) -> str:
        from airflow_provider_dingpush.pipeline.composing import default_language

        return order.incidents[0].failure.language or hook.settings.language or default_language()

    def _app_of(self, order: Order) -> DingTalkAppHook:
        """The app of a rule."""
        return app_of(order.escalation, order.incidents[0].failure.conn_id, self._app)

    def _app(self, conn_id: str) -> DingTalkAppHook:
        if conn_id not in self._apps:
            self._apps[conn_id] = app_hook(conn_id)
        return self._apps[conn_id]

    def _read_by(self, hook: DingTalkAppHook, attempt: Attempt) -> list[str]:
        reader = next((_READERS[each] for each in _READERS if each in attempt.receipt), None)
        return [] if reader is None else list(reader(self, hook, attempt.receipt))

    def _ding_read_by(self, hook: DingTalkAppHook, receipt: Mapping[str, Any]) -> Sequence[str]:
        ding = DingReceipt.from_dict(receipt[_DING])
        return hook.dings.read_status(ding, deadline=self._limit).read_user_ids

    def _message_read_by(self, hook: DingTalkAppHook, receipt: Mapping[str, Any]) -> Sequence[str]:
        # Its parts are read together.
        keys = _texts(receipt[_KEYS])[:1]
        return _read_by(hook, Receipt("app_robot_users", hook.dingtalk_conn_id, process_query_keys=keys))

    def _work_notification_read_by(self, hook: DingTalkAppHook, receipt: Mapping[str, Any]) -> Sequence[str]:
        task_id = ",".join(_texts(receipt[_TASK_IDS])) or None
        return _read_by(hook, Receipt("work_notification", hook.dingtalk_conn_id, task_id=task_id))


def app_hook(conn_id: str) -> DingTalkAppHook:
    """The hook of an app's connection.

    :raises ConfigurationError: if there is no such connection, or it is no app's.
    """
    hook = hook_of(conn_id)
    if isinstance(hook, DingTalkAppHook):
        return hook
    raise ConfigurationError(
        f"Connection {conn_id!r} is a custom robot, which reaches no person.",
        "Name an app's connection in the rule: app: dingtalk_app_default. 请在规则中用 app 指定企业应用的连接。",
        problem_zh=f"连接 {conn_id!r} 是自定义机器人，无法联系到个人。",
    )


def app_of(
    escalation: Escalation, receiver: str, look_up: Callable[[str], DingTalkAppHook] = app_hook
) -> DingTalkAppHook:
    """The app that reaches the people of a rule: the one it names, its own receiver, or the default one.

    :param receiver: connection id of the rule.
    :raises ConfigurationError: if there is none.
    """
    if escalation.app is not None:
        return look_up(escalation.app)
    try:
        return look_up(receiver)
    except ConfigurationError:
        return look_up(DEFAULT_APP)


_SENDERS = {
    Way.GROUP: Sends._to_group,
    Way.PERSON: Sends._to_people,
    Way.TODO: Sends._todo,
    **dict.fromkeys(_KINDS, Sends._ding),
}
# What a receipt has -> who has read what it is about.
_READERS: Mapping[str, Callable[[Sends, DingTalkAppHook, Mapping[str, Any]], Sequence[str]]] = {
    _DING: Sends._ding_read_by,
    _KEYS: Sends._message_read_by,
    _TASK_IDS: Sends._work_notification_read_by,
}


def _outcome_of(problem: DingTalkError) -> Outcome:
    from airflow_provider_dingpush.dingtalk.ding import outcome_of

    return _OUTCOMES[outcome_of(problem)]


def _read_by(hook: DingTalkAppHook, sent: Receipt) -> list[str]:
    return [user_id for each in hook.read_status(sent) for user_id in each.read_user_ids]


def _texts(values: object) -> tuple[str, ...]:
    return tuple(each for each in values if isinstance(each, str)) if isinstance(values, (list, tuple)) else ()


def _users(people: Sequence[Person]) -> Users:
    user_ids = [each.user_id for each in people if each.user_id is not None]
    mobiles = [each.mobile for each in people if each.user_id is None and each.mobile is not None]
    return Users(user_ids, mobiles)


def _for_all(order: Order, receipt: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each.id: receipt for each in order.incidents} if receipt else {}


def _page() -> str:
    from airflow_provider_dingpush.airflow_compat import airflow_option

    return airflow_option("dingpush", "base_url") or "https://airflow.apache.org/"
