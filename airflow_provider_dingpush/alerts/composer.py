"""One message of alerts: the full text of an alert that comes alone, a digest of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.alert_text import MAX_ALERT_BYTES, built_in_alert
from airflow_provider_dingpush.alerts.digest_notes import Notes
from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.alerts.run_facts import RunFacts
from airflow_provider_dingpush.alerts.words import words_in
from airflow_provider_dingpush.errors import ContentError, InvalidMessageError
from airflow_provider_dingpush.messages.kinds import ActionCard, Markdown, Text
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from typing import Protocol

    from airflow_provider_dingpush.messages import Message

    class Channel(Protocol):
        """What a composer asks a channel."""

        @property
        def text_bytes(self) -> int:
            """How long a text may be, in bytes of JSON, so that nothing of it is cut."""

        @property
        def misaddressed(self) -> bool:
            """Whether the notifier named a target that the channel doesn't have."""

        def check(self, message: Message, *, language: str) -> None:
            """Refuse what the channel can't carry.

            :raises ContentError: if it can't carry the message.
            """


_PROBLEM_CHARACTERS, _TEXT_BYTES_PER_PROBLEM_CHARACTER = 300, 12


@dataclass(frozen=True)
class ReceiverSettings:
    """How the alerts of a receiver read.

    :param language: ``zh`` or ``en``, unless all notifiers of a message name another one.
    :param zone: the time zone of all times.
    :param group_by: the labels that make a section of a digest.
    :param people: whom an owner of a DAG or task is in DingTalk.
    """

    language: str
    zone: tzinfo
    group_by: tuple[str, ...] = ("dag_id",)
    people: Mapping[str, At] = field(default_factory=dict)


@dataclass(frozen=True)
class Composer:
    """Makes one message of alerts.

    :param channel: by which it goes.
    :param settings: of the receiver that the alerts are for.
    :param redacted: the alert without secrets that this process knows.
    :param described: what went wrong, in one line without secrets.
    """

    channel: Channel
    settings: ReceiverSettings
    redacted: Callable[[Alert], Alert]
    described: Callable[[BaseException], str]

    def __call__(self, alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:
        """The message, and who is mentioned in it."""
        alerts = [self.redacted(each) for each in alerts]
        language = self.language_of(alerts)
        if len(alerts) == 1 and notes == Notes(number=notes.number):
            message = self._alone(alerts[0], language)
        else:
            message = self._digest(alerts, notes, language)
        if self.channel.misaddressed:
            message = _with_remarks(message, words_in(language)("misaddressed"))
        return message, mentions_of(alerts, self.settings.people.get)

    def language_of(self, alerts: Sequence[Alert]) -> str:
        """``zh`` or ``en``: what the notifiers of all these alerts name, or else the receiver's."""
        named = {each.language for each in alerts}
        language = next(iter(named)) if len(named) == 1 else None
        return language or self.settings.language

    def _digest(self, alerts: Sequence[Alert], notes: Notes, language: str) -> Markdown:
        # Most processes send no digest.
        from airflow_provider_dingpush.alerts.digest import digest

        return digest(
            alerts,
            notes,
            group_by=self.settings.group_by,
            language=language,
            zone=self.settings.zone,
            at_most_bytes=self.channel.text_bytes,
            environment=next((each.environment for each in alerts if each.environment), None),
        )

    def _alone(self, alert: Alert, language: str) -> Message:
        facts = RunFacts.from_dict({"event": alert.event, "dag_id": alert.dag_id, **alert.facts})
        own, problems = None, alert.problems
        if alert.message is not None:
            try:
                own, _ = read_message(alert.message)
            except ContentError as problem:
                problems = {**problems, "message": self.described(problem)}
        if not alert.also:
            return self.message_about(facts, own, problems, language=language)
        from airflow_provider_dingpush.alerts.combined_text import as_markdown, bytes_with_gap, combined, texts_of

        also, most = texts_of(alert.also), self.channel.text_bytes
        # Half of the room at most is for the others, so that the built-in alert keeps its links.
        kept = min(sum(map(bytes_with_gap, also)), most // 2)
        if own is not None and also:
            own = as_markdown(own)
        message = self.message_about(facts, own, problems, language=language, at_most_bytes=most - kept)
        return combined(message, also, most, language, cut_first=own is not None) if also else message

    def message_about(
        self,
        facts: RunFacts,
        own: Message | None,
        problems: Mapping[str, str],
        *,
        language: str,
        at_most_bytes: int | None = None,
    ) -> Message:
        """One alert as a message: the notifier's own if the channel can carry it, or else the built-in one.

        :param own: the notifier's own message.
        :param problems: name of each argument of the notifier that can't be used -> why; a remark names each.
        :param at_most_bytes: how long the built-in one may be; by default as long as the channel can carry.
        """
        if own is not None:
            try:
                self.channel.check(own, language=language)
            except Exception as refused:  # noqa: BLE001 - a source may be any class; nothing in it must cost the alert
                own, problems = None, {**problems, "message": self.described(refused)}
        remarks = self._remarks(problems, language, str if isinstance(own, Text) else escape_markdown)
        if own is None:
            room = (at_most_bytes or self.channel.text_bytes) - json_bytes("\n\n".join(["", *remarks]))
            own = built_in_alert(facts, language=language, at_most_bytes=min(MAX_ALERT_BYTES, room))
        return _with_remarks(own, *remarks)

    def _remarks(self, problems: Mapping[str, str], language: str, shown: Callable[[str], str]) -> list[str]:
        words = words_in(language)
        most = min(_PROBLEM_CHARACTERS, self.channel.text_bytes // _TEXT_BYTES_PER_PROBLEM_CHARACTER)
        known = [(f"problem_{name}", what) for name, what in problems.items() if f"problem_{name}" in words.texts]
        return [words(name, what=shown(what[:most])) for name, what in known]


def _with_remarks(message: Message, *remarks: str) -> Message:
    """The message with remarks at its end, if it is of a kind that has room for them."""
    if isinstance(message, (Markdown, ActionCard)):
        return replace(message, text="\n\n".join([message.text, *remarks]))
    return replace(message, content="\n".join([message.content, *remarks])) if isinstance(message, Text) else message


def mentions_of(alerts: Iterable[Alert], people: Callable[[str], At | None]) -> At | None:
    """Everyone whom these alerts mention: the owners of what failed, and whom a notifier names itself.

    Those whom a task asks are mentioned as well. Owners are not mentioned for retries and recoveries. People beyond
    the 50 that DingTalk takes are left out.

    :param people: who an owner is, by the connection's ``mentions``; ``None`` if it isn't there.
    """
    mentioned: list[At | None] = []
    owners: dict[str, None] = {}
    for alert in alerts:
        # Mentions that can't be read, such as a newer version's, must not cost the alert.
        with suppress(InvalidMessageError):
            at = At.read(alert.mentions)
            if at is not None:
                check_rendered(at)
            mentioned.append(at)
        if alert.event.is_failure and not alert.resolved:
            owners.update(dict.fromkeys(alert.owners))
        elif alert.event.is_question and not alert.resolved:
            owners.update(dict.fromkeys(asked_of(alert.facts)))
    return At.union([*mentioned, *map(people, owners)])


def asked_of(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Names and ids of those who may answer what a task asks."""
    lists = (facts.get(name) for name in ("assigned_users", "assigned_user_ids"))
    return tuple(each for names in lists if isinstance(names, (list, tuple)) for each in names if isinstance(each, str))
