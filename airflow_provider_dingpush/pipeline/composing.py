"""From a callback to an alert that can be written down, and from alerts to the message that tells them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.airflow_compat import airflow_option, default_timezone, redact
from airflow_provider_dingpush.alerts.alert import Alert, Mailbox, key_of, key_with, unique_key
from airflow_provider_dingpush.errors import ContentError, InvalidMessageError
from airflow_provider_dingpush.messages.kinds import ActionCard, Markdown, Text
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import read_message, redacted
from airflow_provider_dingpush.pipeline.redaction import described, redact_text

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts import RunFacts
    from airflow_provider_dingpush.alerts.digest import Notes
    from airflow_provider_dingpush.connections import AppSettings, RobotSettings
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.pipeline.receivers import Receiver
    from airflow_provider_dingpush.targets import Target

_log = logging.getLogger(__name__)

_SUMMARY_CHARACTERS = 200
_TITLE_CHARACTERS = 60
_RESOLVING = ("task_succeeded", "dag_succeeded")
# What a task says in the middle of its work, by a notifier that it calls itself, comes from nobody else.
_REPEATED_BY_AIRFLOW = frozenset(
    {
        "task_failed",
        "task_retrying",
        "task_succeeded",
        "task_skipped",
        "dag_failed",
        "dag_succeeded",
        "deadline_missed",
    }
)
_UNDATED_SECONDS = 3600.0


def mailbox_of(conn_id: str, to: Target | None) -> Mailbox:
    """Where the alerts to a target wait."""
    return Mailbox(conn_id, "" if to is None else json.dumps(to.to_dict(), sort_keys=True, ensure_ascii=False))


def alert_of(
    facts: RunFacts,
    mailbox: Mailbox,
    *,
    at: float,
    message: Message | None,
    mentions: At | None,
    language: str | None,
    problems: Mapping[str, str] | None = None,
) -> Alert:
    """What is written down about these facts.

    :param at: now, in seconds since 1970.
    :param message: the notifier's own message.
    :param problems: name of each argument of the notifier that can't be used -> why.
    :raises InvalidMessageError: if that message can't be plain data, such as a picture given as bytes.
    """
    plain = None if message is None else redacted(message, redact).to_dict()
    people = mentions.to_dict() if mentions else None
    event = facts.event.value
    # One that can't be sent was wanted as well: its success isn't news only after a failure.
    wanted = plain or (problems or {}).get("message")
    if wanted is not None and event not in _REPEATED_BY_AIRFLOW:
        occurrence = key = unique_key()
    else:
        occurrence = _occurrence(facts, at)
        key = key_with(occurrence, wanted, people)
    return Alert(
        key=key,
        occurrence=occurrence,
        mailbox=mailbox,
        event=event,
        at=at,
        dag_id=facts.dag_id,
        run_id=facts.run_id,
        task_id=facts.task_id,
        map_index=facts.map_index,
        try_number=facts.try_number,
        resolved=wanted is None and event in _RESOLVING,
        summary=_summary(facts),
        log_link=facts.log_link,
        run_link=facts.run_link,
        answer_link=facts.answer_link,
        environment=facts.environment,
        owners=facts.owners,
        facts=facts.to_dict(),
        message=plain,
        mentions=people,
        language=language,
        problems=problems or {},
    )


def _occurrence(facts: RunFacts, at: float) -> str:
    """The name of what happened; of a run that nothing tells from its next attempt, only for an hour."""
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


def _redacted(alert: Alert) -> Alert:
    """The alert without secrets that this process knows: it may know more of them than the one that wrote it.

    Only free text is looked at. Ids, names and the links made of them hold no secrets, and with stars in them they
    help nobody.
    """
    from airflow_provider_dingpush.alerts import FREE_TEXT

    free = {name: _redacted_fact(alert.facts[name]) for name in FREE_TEXT if name in alert.facts}
    return replace(
        alert,
        summary=redact_text(alert.summary),
        facts={**alert.facts, **free},
        message=alert.message and _redacted_message(alert.message),
        also=tuple(_redacted_message(each) for each in alert.also),
        problems={name: redact_text(what) for name, what in alert.problems.items()},
    )


def _redacted_fact(value: Any) -> Any:
    """A text or a list of texts; anything else, which only a damaged file holds, as it is."""
    if isinstance(value, (list, tuple)):
        return [_redacted_fact(each) for each in value]
    return redact_text(value) if isinstance(value, str) else value


def _redacted_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    # A message that can't be read is refused where it is to be sent.
    with suppress(ContentError):
        return redacted(read_message(message)[0], redact, quietly=True).to_dict()
    return message


class Composer:
    """Makes one message of alerts: the full text of one that comes alone, a digest of several.

    :param sender: through which it goes.
    :param settings: of the connection that the alerts are for, if it goes through another robot.
    """

    def __init__(self, sender: Receiver, settings: RobotSettings | AppSettings | None = None) -> None:
        self._sender = sender
        settings = settings or sender.hook.settings
        self._people: Mapping[str, At] = getattr(settings, "mentions", {})
        self._policy = settings.delivery
        self.language = settings.language or default_language()

    def __call__(self, alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:
        """The message, and who is mentioned in it."""
        from airflow_provider_dingpush.alerts import escape_markdown
        from airflow_provider_dingpush.alerts.digest import Notes, digest, mentions_of

        alerts = [_redacted(each) for each in alerts]
        language = self.language_of(alerts)
        alone = len(alerts) == 1 and notes == Notes(number=notes.number)
        if alone:
            message = self._alone(alerts[0], language)
        else:
            message = digest(
                alerts,
                notes,
                group_by=self._policy.group_by,
                language=language,
                zone=local_zone(),
                at_most_bytes=self._sender.text_bytes,
                environment=next((each.environment for each in alerts if each.environment), None),
                escape=escape_markdown,
            )
        if self._sender.misaddressed:
            message = _with_words(message, _MISADDRESSED[language])
        return message, mentions_of(alerts, self._people.get)

    def language_of(self, alerts: Sequence[Alert]) -> str:
        """``zh`` or ``en``: what the notifiers of all these alerts say, or else the connection or ``[dingpush]``."""
        named = {each.language for each in alerts}
        language = next(iter(named)) if len(named) == 1 else None
        return language or self.language

    def _alone(self, alert: Alert, language: str) -> Message:
        from airflow_provider_dingpush.alerts import RunFacts

        own, problems = None, alert.problems
        if alert.message is not None:
            try:
                own, _ = read_message(alert.message)
            except ContentError as problem:
                problems = {**problems, "message": redact(str(problem))}
        also, most = _words_of(alert.also), self._sender.text_bytes
        # Half of the room at most is for the others, so that the built-in alert keeps its links.
        kept = min(sum(map(_bytes_with_gap, also)), most // 2)
        facts = RunFacts.from_dict({"event": alert.event, "dag_id": alert.dag_id, **alert.facts})
        if own is not None and also:
            own = _as_markdown(own)
        message = message_about(facts, own, problems, sender=self._sender, language=language, at_most_bytes=most - kept)
        return _with_also(message, also, most, language, cut_first=own is not None) if also else message


def message_about(
    facts: RunFacts,
    own: Message | None,
    problems: Mapping[str, str],
    *,
    sender: Receiver,
    language: str,
    at_most_bytes: int | None = None,
) -> Message:
    """One alert as a message: the notifier's own if the sender can carry it, or else the built-in one.

    :param own: the notifier's own message.
    :param problems: name of each argument of the notifier that can't be used -> why; they are told in a note.
    :param at_most_bytes: how long the built-in one may be; by default as long as the sender can carry.
    """
    from airflow_provider_dingpush.alerts import MAX_ALERT_BYTES, built_in_alert, escape_markdown
    from airflow_provider_dingpush.messages.sizes import json_bytes

    if own is not None:
        try:
            sender.check(own, language=language)
        except Exception as refused:  # noqa: BLE001 - a source may be any class; nothing in it must cost the alert
            own, problems = None, {**problems, "message": redact(described(refused))}
    shown: Callable[[str], str] = str if isinstance(own, Text) else escape_markdown
    most = min(_PROBLEM_CHARACTERS, sender.text_bytes // _TEXT_BYTES_PER_PROBLEM_CHARACTER)
    notes = [
        _PROBLEMS[name][language].format(what=shown(what[:most]))
        for name, what in problems.items()
        if name in _PROBLEMS
    ]
    if own is None:
        room = (at_most_bytes or sender.text_bytes) - json_bytes("\n\n".join(["", *notes]))
        own = built_in_alert(facts, language=language, at_most_bytes=min(MAX_ALERT_BYTES, room))
    return _with_words(own, *notes)


def _with_words(message: Message, *words: str) -> Message:
    """The message with more words at its end, if it is of a kind that has room for them."""
    if isinstance(message, (Markdown, ActionCard)):
        return replace(message, text="\n\n".join([message.text, *words]))
    return replace(message, content="\n".join([message.content, *words])) if isinstance(message, Text) else message


def _words_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What these messages say, as Markdown."""
    from airflow_provider_dingpush.alerts import escape_markdown
    from airflow_provider_dingpush.messages.in_words import in_words

    texts = []
    for each in messages:
        # One that can't be read, such as a newer version's, must not cost the others.
        with suppress(ContentError):
            texts.append(in_words(read_message(each)[0], escape_markdown))
    return [each for each in texts if each]


def _as_markdown(message: Message, *more: str) -> Markdown:
    """The message in words, and more of them below it."""
    from airflow_provider_dingpush.alerts import escape_markdown
    from airflow_provider_dingpush.messages.in_words import in_words

    text = "\n\n".join(each for each in (in_words(message, escape_markdown), *more) if each)
    return Markdown(getattr(message, "title", "") or text.strip().partition("\n")[0][:_TITLE_CHARACTERS], text)


def _with_also(message: Message, also: Sequence[str], at_most_bytes: int, language: str, *, cut_first: bool) -> Message:
    """The message, and what other notifiers say of the same occurrence below it, each cut so that all have room.

    :param cut_first: whether the message itself may be cut; the built-in one is as short as it can be.
    """
    first = _as_markdown(message)
    if cut_first:
        text, *also = _side_by_side([first.text, *also], at_most_bytes, language)
        first = replace(first, text=text)
    else:
        also = _side_by_side(also, at_most_bytes - _bytes_with_gap(first.text), language)
    return _as_markdown(first, *also)


def _side_by_side(texts: Sequence[str], room: int, language: str) -> list[str]:
    """The texts, the longest of them cut, so that all of them take no more bytes than this."""
    from airflow_provider_dingpush.messages.fitting import cut

    fitted = list(texts)
    for number, place in enumerate(sorted(range(len(texts)), key=lambda each: len(texts[each].encode()))):
        share = room // (len(texts) - number) - _bytes_with_gap("")
        try:
            fitted[place] = cut(texts[place], share, language=language)
        except ContentError:
            _log.warning(
                "There is no room for what another notifier says of the same: %s", texts[place][:_TITLE_CHARACTERS]
            )
            fitted[place] = ""
        room -= _bytes_with_gap(fitted[place])
    return fitted


def _bytes_with_gap(text: str) -> int:
    """What a text takes, and the empty line before it."""
    from airflow_provider_dingpush.messages.sizes import json_bytes

    return json_bytes(f"\n\n{text}")


_MISADDRESSED = {
    "zh": "（自定义机器人不支持 to=，已发到本群；请改用 DingTalk App 类型的连接。）",
    "en": "(A custom robot can't take to=, so this is in its own group; use a connection of type 'DingTalk App'.)",
}


_PROBLEMS = {
    "message": {
        "zh": "（通知器自定义的消息无法发送，已改用内置告警。{what}）",
        "en": "(The notifier's own message could not be sent, so this is the built-in one. {what})",
    },
    "at": {
        "zh": "（通知器的 at= 无法使用，未 @ 其中的人。{what}）",
        "en": "(The notifier's at= can't be used, so its people are not mentioned. {what})",
    },
    "to": {
        "zh": "（通知器的 to= 无法使用，已改发到本群。{what}）",
        "en": "(The notifier's to= can't be used, so this is in the connection's own group. {what})",
    },
    "dingtalk_conn_id": {
        "zh": "（通知器的 dingtalk_conn_id 无法使用，已改用默认连接。{what}）",
        "en": "(The notifier's dingtalk_conn_id can't be used, so this came through the default connection. {what})",
    },
}
_PROBLEM_CHARACTERS, _TEXT_BYTES_PER_PROBLEM_CHARACTER = 300, 12


def default_language() -> str:
    """``zh`` or ``en``: what ``[dingpush] language`` says, or else Chinese."""
    from airflow_provider_dingpush.connection_fields import read_language

    try:
        return read_language(airflow_option("dingpush", "language") or "zh")
    except ValueError:
        return "zh"


def link_form() -> str:
    """In which form links are made: what ``[dingpush] links`` says, or else one that opens a PC's browser."""
    from airflow_provider_dingpush.messages.browser_links import PC_BROWSER, read_link_form

    try:
        return read_link_form(airflow_option("dingpush", "links") or PC_BROWSER)
    except InvalidMessageError as rule:
        _log.warning("The option [dingpush] links is not used: %s", rule)
        return PC_BROWSER


def local_zone() -> tzinfo:
    """The time zone of alerts: ``[dingpush] timezone``, or Airflow's."""
    from airflow_provider_dingpush.alerts import zone_named

    return zone_named(airflow_option("dingpush", "timezone") or default_timezone())
