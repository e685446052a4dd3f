"""What composing messages needs from this Airflow: the options of ``[dingpush]``, and its secrets masker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_dingpush.airflow_compat import airflow_option, default_timezone, redact
from airflow_provider_dingpush.errors import ContentError, InvalidMessageError
from airflow_provider_dingpush.pipeline.redaction import described, redact_text

if TYPE_CHECKING:
    from airflow_provider_dingpush.alerts.alert import Alert
    from airflow_provider_dingpush.alerts.composer import Channel, Composer
    from airflow_provider_dingpush.alerts.digest_notes import ClaimNote
    from airflow_provider_dingpush.connections import AppSettings, RobotSettings
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.messages.mentions import At

    class Duty(Protocol):
        """The duty table of the rules file."""

        def person(self, owner: str) -> At | None:
            """A mention of an owner; ``None`` if the table has no such person."""

        def on_call(self, rotation: str) -> At | None:
            """A mention of whoever is on call now; ``None`` if nobody is known to be."""


_log = logging.getLogger(__name__)


def composer_for(
    channel: Channel,
    settings: RobotSettings | AppSettings,
    duty: Duty | None = None,
    claims: Callable[[], Sequence[ClaimNote]] = tuple,
    claim_link: Callable[[Sequence[str]], str | None] = lambda _: None,
) -> Composer:
    """The composer, which writes alerts as messages.

    :param channel: that sends them.
    :param settings: of the connection that the alerts are for, also if a fallback sends them.
    :param duty: knows the owners that the connection's ``mentions`` doesn't name, and who is on call.
    :param claims: who takes care of what among the receiver's failures.
    :param claim_link: where people claim incidents, by their ids.
    """
    from airflow_provider_dingpush.alerts.composer import Composer, ReceiverSettings
    from airflow_provider_dingpush.connection_mentions import by_address

    people = by_address(settings.mentions)
    receiver = ReceiverSettings(
        language=settings.language or default_language(),
        zone=local_zone(),
        group_by=settings.delivery.group_by,
        people=people if duty is None else _People(people, duty),
        log_tail=settings.delivery.log_tail,
        claim_link=claim_link,
        **({} if duty is None else {"on_call": duty.on_call}),
    )
    return Composer(channel, receiver, _redacted, lambda problem: redact(described(problem)), claims)


class _People(NamedTuple):
    """Owners and their DingTalk users; what the connection says wins over the duty table.

    :param mentions: of the connection.
    :param duty: of the rules file.
    """

    mentions: Mapping[str, At]
    duty: Duty

    def get(self, owner: str, /) -> At | None:
        """A mention of an owner; ``None`` if the owner isn't known."""
        found = self.mentions.get(owner)
        return self.duty.person(owner) if found is None else found


def plain_form(message: Message | None) -> Mapping[str, Any] | None:
    """A message as it is stored, without what Airflow masks.

    :raises InvalidMessageError: if it can't be plain data, such as an image given as bytes.
    """
    if message is None:
        return None
    from airflow_provider_dingpush.messages.plain_forms import redacted

    return redacted(message, redact).to_dict()


def _redacted(alert: Alert) -> Alert:
    """The alert without secrets that this process knows: it may know more of them than the one that wrote it.

    Only free text is redacted. Ids, names and the links made of them hold no secrets, and would be useless if masked.
    """
    from airflow_provider_dingpush.alerts.run_facts import FREE_TEXT

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
    """A text, a list, or a value with a ``message``; anything else, which only a damaged file holds, as it is."""
    if isinstance(value, (list, tuple)):
        return [_redacted_fact(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _redacted_fact(each) if name == "message" else each for name, each in value.items()}
    return redact_text(value) if isinstance(value, str) else value


def _redacted_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
    from airflow_provider_dingpush.messages.plain_forms import read_message, redacted

    # A message that can't be read is refused when it is sent.
    with suppress(ContentError):
        return redacted(read_message(message)[0], redact, quietly=True).to_dict()
    return message


def default_language() -> str:
    """``zh`` or ``en``: the option ``[dingpush] language``; Chinese by default."""
    from airflow_provider_dingpush.connection_values import read_language

    try:
        return read_language(airflow_option("dingpush", "language") or "zh")
    except ValueError:
        return "zh"


def link_form() -> str:
    """The form of links: the option ``[dingpush] links``; by default one that opens a PC's browser."""
    from airflow_provider_dingpush.messages.browser_links import PC_BROWSER, read_link_form

    try:
        return read_link_form(airflow_option("dingpush", "links") or PC_BROWSER)
    except InvalidMessageError as rule:
        _log.warning("The option [dingpush] links is not used: %s", rule)
        return PC_BROWSER


def local_zone() -> tzinfo:
    """The time zone of alerts: ``[dingpush] timezone``, or Airflow's."""
    from airflow_provider_dingpush.alerts.airflow_site import zone_named

    return zone_named(airflow_option("dingpush", "timezone") or default_timezone())


def is_utc_by_default() -> bool:
    """Whether times are in UTC only because nobody has set a time zone, neither ours nor Airflow's."""
    return airflow_option("dingpush", "timezone") is None and default_timezone().upper() == "UTC"
