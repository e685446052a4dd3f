"""One message of alerts: the full text of a single alert, a digest of several; and the people mentioned in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from airflow_provider_dingpush.alerts.alert import Alert
from airflow_provider_dingpush.alerts.alert_text import MAX_ALERT_BYTES, built_in_alert
from airflow_provider_dingpush.alerts.digest_notes import ClaimNote, Notes
from airflow_provider_dingpush.alerts.hints import Hint
from airflow_provider_dingpush.alerts.history_line import Memory
from airflow_provider_dingpush.alerts.markdown import escape_markdown
from airflow_provider_dingpush.alerts.run_facts import MAX_LOG_LINES, RunFacts
from airflow_provider_dingpush.alerts.words import LAST_MOMENT, words_in
from airflow_provider_dingpush.errors import ContentError, InvalidMessageError
from airflow_provider_dingpush.messages.kinds import ActionCard, Markdown, Text
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import check_rendered, read_message
from airflow_provider_dingpush.messages.sizes import json_bytes

if TYPE_CHECKING:
    from typing import Protocol

    from airflow_provider_dingpush.messages import Message

    class KnownPeople(Protocol):
        """The people of a receiver; a mapping is one."""

        def get(self, owner: str, /) -> At | None:
            """A mention of an owner; ``None`` if the owner isn't known."""

    class Channel(Protocol):
        """What a composer needs of a channel."""

        @property
        def text_bytes(self) -> int:
            """The longest text that is sent uncut, in bytes of JSON."""

        @property
        def misaddressed(self) -> bool:
            """Whether the notifier has a target that the channel doesn't support."""

        def check(self, message: Message, *, language: str) -> None:
            """Check that the channel can carry a message.

            :raises ContentError: if it can't.
            """


_PROBLEM_CHARACTERS, _TEXT_BYTES_PER_PROBLEM_CHARACTER = 300, 12


@dataclass(frozen=True)
class ReceiverSettings:
    """The settings of a receiver for the text of its alerts.

    :param language: ``zh`` or ``en``, unless all notifiers of a message have another one.
    :param zone: the time zone of all times.
    :param group_by: the labels that divide a digest into sections.
    :param people: owner of a DAG or task -> DingTalk user.
    :param log_tail: how many of the last lines of a task's log are shown.
    :param on_call: a mention of whoever is on call now in a rotation; ``None`` if nobody is known to be.
    :param claim_link: where people claim incidents, by their ids; ``None`` if that isn't known.
    """

    language: str
    zone: tzinfo
    group_by: tuple[str, ...] = ("dag_id",)
    people: KnownPeople = field(default_factory=dict[str, At])
    log_tail: int = MAX_LOG_LINES
    on_call: Callable[[str], At | None] = lambda _: None
    claim_link: Callable[[Sequence[str]], str | None] = lambda _: None


@dataclass(frozen=True)
class Composer:
    """Composes one message of alerts.

    :param channel: sends it.
    :param settings: of the receiver.
    :param redacted: removes the secrets that this process knows from an alert.
    :param described: describes an exception in one line without secrets.
    :param claims: who takes care of what among the receiver's failures, asked for each message.
    """

    channel: Channel
    settings: ReceiverSettings
    redacted: Callable[[Alert], Alert]
    described: Callable[[BaseException], str]
    claims: Callable[[], Sequence[ClaimNote]] = tuple

    def __call__(self, alerts: Sequence[Alert], notes: Notes) -> tuple[Message, At | None]:
        """The message and its mentions."""
        alerts = [self.redacted(each) for each in alerts]
        notes = replace(notes, claims=self._claims(alerts, notes))
        language = self.language_of(alerts)
        if len(alerts) == 1 and notes == _plain(notes):
            message = self._alone(alerts[0], language, notes)
            remarks = (*_followers(alerts[0], notes, language), *_how_to_claim(alerts[0], notes, language))
            message = _with_remarks(message, *remarks)
            message = _with_remarks(message, *self._withheld(notes, language), *self._claimed(notes, language))
        else:
            message = self._digest(alerts, notes, language)
        message = self._with_claim_link(message, alerts, notes, language)
        if self.channel.misaddressed:
            message = _with_remarks(message, words_in(language)("misaddressed"))
        on_call = self._on_call(alerts)
        nobody = ", ".join(escape_markdown(name) for name, at in on_call.items() if at is None)
        if nobody:
            message = _with_remarks(message, words_in(language)("nobody_on_call", rotation=nobody))
        return message, mentions_of(alerts, self.settings.people.get, on_call.get)

    def _with_claim_link(self, message: Message, alerts: Sequence[Alert], notes: Notes, language: str) -> Message:
        """With the page on which people claim what escalates, if it has such alerts and its kind can have links."""
        if not isinstance(message, (Markdown, ActionCard)) or not any(each.rule.get("escalates") for each in alerts):
            return message
        from airflow_provider_dingpush.alerts.claim_text import unclaimed

        incidents = unclaimed(alerts, notes.claims)
        link = self.settings.claim_link(incidents) if incidents else None
        return _with_remarks(message, words_in(language)("claim_link", link=link)) if link else message

    def mentions_of(self, alerts: Sequence[Alert]) -> At | None:
        """All mentions of these alerts, with whoever is on call now."""
        return mentions_of(alerts, self.settings.people.get, self._on_call(alerts).get)

    def _on_call(self, alerts: Iterable[Alert]) -> dict[str, At | None]:
        """Each rotation that the rules of these alerts name, and whoever is on call in it now."""
        return {name: self.settings.on_call(name) for each in alerts for name in each.on_call}

    def language_of(self, alerts: Sequence[Alert]) -> str:
        """``zh`` or ``en``: the language of the notifiers if it is the same for all, or else the receiver's."""
        named = {each.language for each in alerts}
        language = next(iter(named)) if len(named) == 1 else None
        return language or self.settings.language

    def _digest(self, alerts: Sequence[Alert], notes: Notes, language: str) -> Markdown:
        # Imported here because most processes send no digest.
        from airflow_provider_dingpush.alerts.digest import digest

        return digest(
            [_without_log(each) for each in alerts] if self.settings.log_tail == 0 else alerts,
            notes,
            group_by=_group_by_of(alerts) or self.settings.group_by,
            language=language,
            zone=self.settings.zone,
            at_most_bytes=self.channel.text_bytes,
            environment=next((each.environment for each in alerts if each.environment), None),
        )

    def _withheld(self, notes: Notes, language: str) -> list[str]:
        """The remarks of a single alert about those that are withheld, or were."""
        if not notes.withheld:
            return []
        from airflow_provider_dingpush.alerts.withheld_text import withheld_remarks

        return list(withheld_remarks(notes.withheld, words_in(language), self._clock))

    def _claims(self, alerts: Sequence[Alert], notes: Notes) -> tuple[ClaimNote, ...]:
        """The claims that a message of these alerts reports."""
        every = self.claims()
        if not every:
            return ()
        from airflow_provider_dingpush.alerts.claim_text import claims_shown

        return claims_shown(every, alerts, notes.last_sent_at)

    def _claimed(self, notes: Notes, language: str) -> list[str]:
        """The remarks of a single alert about who takes care of what."""
        if not notes.claims:
            return []
        from airflow_provider_dingpush.alerts.claim_text import claim_remarks

        return list(claim_remarks(notes.claims, words_in(language), self._clock))

    def _clock(self, at: float) -> str:
        return f"{datetime.fromtimestamp(min(at, LAST_MOMENT), self.settings.zone):%m-%d %H:%M}"

    def _alone(self, alert: Alert, language: str, notes: Notes) -> Message:
        facts = RunFacts.from_dict({"event": alert.event, "dag_id": alert.dag_id, **alert.facts})
        own, problems = None, alert.problems
        if alert.message is not None:
            try:
                own, _ = read_message(alert.message)
            except ContentError as problem:
                problems = {**problems, "message": self.described(problem)}
        hints, memory = notes.hints, notes.memories.get(alert.key)
        if not alert.also:
            return self.message_about(facts, own, problems, language=language, hints=hints, memory=memory)
        from airflow_provider_dingpush.alerts.joining import as_markdown, bytes_with_gap, combined, texts_of

        also, most = texts_of(alert.also), self.channel.text_bytes
        # The others get at most half of the bytes, so that the built-in alert keeps its links.
        kept = min(sum(map(bytes_with_gap, also)), most // 2)
        if own is not None and also:
            own = as_markdown(own)
        message = self.message_about(
            facts, own, problems, language=language, hints=hints, memory=memory, at_most_bytes=most - kept
        )
        return combined(message, also, most, language, cut_first=own is not None) if also else message

    def message_about(
        self,
        facts: RunFacts,
        own: Message | None,
        problems: Mapping[str, str],
        *,
        language: str,
        hints: frozenset[Hint] = frozenset(),
        memory: Memory | None = None,
        at_most_bytes: int | None = None,
    ) -> Message:
        """The message of one alert: the notifier's own if the channel can carry it, or else the built-in one.

        :param own: the notifier's own message.
        :param problems: name of each argument of the notifier that can't be used -> why; each gets a remark.
        :param hints: of the built-in message.
        :param memory: of earlier failures, for the built-in message.
        :param at_most_bytes: the limit of the built-in text, in bytes of JSON; by default the channel's.
        """
        if own is not None:
            try:
                self.channel.check(own, language=language)
            except Exception as refused:  # noqa: BLE001 - a source may be of any class; no error in it must lose the alert
                own, problems = None, {**problems, "message": self.described(refused)}
        remarks = self._remarks(problems, language, str if isinstance(own, Text) else escape_markdown)
        if own is None:
            limit = (at_most_bytes or self.channel.text_bytes) - json_bytes("\n\n".join(["", *remarks]))
            facts = facts._replace(log_tail=facts.log_tail[max(0, len(facts.log_tail) - self.settings.log_tail) :])
            limit = min(MAX_ALERT_BYTES, limit)
            own = built_in_alert(facts, language=language, hints=hints, memory=memory, at_most_bytes=limit)
        return _with_remarks(own, *remarks)

    def _remarks(self, problems: Mapping[str, str], language: str, shown: Callable[[str], str]) -> list[str]:
        words = words_in(language)
        most = min(_PROBLEM_CHARACTERS, self.channel.text_bytes // _TEXT_BYTES_PER_PROBLEM_CHARACTER)
        known = [(f"problem_{name}", what) for name, what in problems.items() if f"problem_{name}" in words.texts]
        return [words(name, what=shown(what[:most])) for name, what in known]


def _group_by_of(alerts: Sequence[Alert]) -> tuple[str, ...]:
    """The labels by which the rules of all these alerts divide a digest, if they agree; otherwise none."""
    named = {tuple(each.rule.get("group_by") or ()) for each in alerts}
    return named.pop() if len(named) == 1 else ()


def _plain(notes: Notes) -> Notes:
    """What doesn't turn a message about one alert into a digest."""
    return Notes(
        number=notes.number,
        hints=notes.hints,
        storm=notes.storm,
        withheld=notes.withheld,
        followers=notes.followers,
        memories=notes.memories,
        last_sent_at=notes.last_sent_at,
        claims=notes.claims,
    )


def _followers(alert: Alert, notes: Notes, language: str) -> list[str]:
    """The remark of a single alert about the failures that follow from it."""
    if not notes.followers:
        return []
    from airflow_provider_dingpush.alerts.follower_text import followers_in

    text = followers_in([alert], notes, words_in(language))
    return [text] if text else []


def _how_to_claim(alert: Alert, notes: Notes, language: str) -> list[str]:
    """The remark of a single alert that escalates while nobody has claimed it."""
    if not alert.rule.get("escalates"):
        return []
    from airflow_provider_dingpush.alerts.claim_text import how_to_claim

    text = how_to_claim([alert], notes.claims, words_in(language))
    return [text] if text else []


def _without_log(alert: Alert) -> Alert:
    """The alert with the reason that its exception gives, if it has one from the task's log."""
    if not alert.facts.get("log_tail"):
        return alert
    first, *_ = str(alert.facts.get("exception_text") or "").split("\n")
    return replace(alert, summary=": ".join(filter(None, (alert.facts.get("exception_type"), first))))


def _with_remarks(message: Message, *remarks: str) -> Message:
    """The message with remarks at its end, if its kind has a text."""
    if isinstance(message, (Markdown, ActionCard)):
        return replace(message, text="\n\n".join([message.text, *remarks]))
    return replace(message, content="\n".join([message.content, *remarks])) if isinstance(message, Text) else message


def mentions_of(
    alerts: Iterable[Alert],
    people: Callable[[str], At | None],
    on_call: Callable[[str], At | None] = lambda _: None,
) -> At | None:
    """All mentions of these alerts: owners, people assigned to a question, ``at=``, and whoever is on call.

    The recipients of Airflow's e-mail about a failure count as its owners. Owners are not mentioned for retries and
    recoveries. People beyond DingTalk's limit of 50 are left out.

    :param people: the DingTalk user of an owner, from the connection's ``mentions`` or the people of the rules file;
        ``None`` if it isn't there.
    :param on_call: the DingTalk user who is on call in a rotation; ``None`` if nobody is known to be.
    """
    mentioned: list[At | None] = []
    owners: dict[str, None] = {}
    rotations: dict[str, None] = {}
    for alert in alerts:
        # Mentions that can't be read, such as a newer version's, must not lose the alert.
        with suppress(InvalidMessageError):
            at = At.read(alert.mentions)
            if at is not None:
                check_rendered(at)
            mentioned.append(at)
        rotations.update(dict.fromkeys(alert.on_call))
        if alert.event.is_failure and not alert.resolved:
            owners.update(dict.fromkeys((*alert.owners, *_texts(alert.facts, "recipients"))))
        elif alert.event.is_question and not alert.resolved:
            owners.update(dict.fromkeys(assigned_people(alert.facts)))
    return At.union([*mentioned, *map(on_call, rotations), *map(people, owners)])


def assigned_people(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Names and ids of the people who may answer a task's question."""
    return (*_texts(facts, "assigned_users"), *_texts(facts, "assigned_user_ids"))


def _texts(facts: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The texts in a fact that is a list; none in anything else, which only a damaged file holds."""
    found = facts.get(name)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, (list, tuple)) else ()
