"""DING: an app's robot reaches people by a pop-up in DingTalk, an SMS or a phone call, until they have read it.

Facts from DingTalk's docs 0712 and 0713 (read 2026-11-28), and from its SDK (alibabacloud_dingtalk 2.2.65) for the read
status, which no document describes. Its documents disagree on which editions have DING, and are silent about the length
of a text and about how many DINGs in the app are free: DingTalk's answer decides.

DingTalk can't recognise a repeated DING. One whose outcome is unknown is never sent again, whatever the connection's
``resend_unknown`` says: a phone must not ring twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import objects, shortened, text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import chunks, named
from airflow_provider_dingpush.dingtalk.on_call_options import DingOptions
from airflow_provider_dingpush.dingtalk.people import masked_number, read_people, user_ids_of
from airflow_provider_dingpush.errors import (
    CreditExhaustedError,
    DingTalkError,
    EditionError,
    InvalidMessageError,
    PermissionMissingError,
    TargetError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from airflow_provider_dingpush.messages.fitting import whole_characters
from airflow_provider_dingpush.receipts import DingKind, DingOutcome, DingReceipt
from airflow_provider_dingpush.targets import Users
from airflow_provider_dingpush.timeouts import Deadline

SEND_PATH = "/v1.0/robot/ding/send"
RECALL_PATH = "/v1.0/robot/ding/recall"
READ_STATUS_PATH = "/v1.0/robot/ding/readStatuses/query"
REMIND_TYPES = {DingKind.APP: 1, DingKind.SMS: 2, DingKind.PHONE: 3}
MOST_RECEIVERS = {DingKind.APP: 200, DingKind.SMS: 20, DingKind.PHONE: 20}
"""Receivers of one call."""

_NEVER_AGAIN = (
    "It is never sent again automatically, because a phone could ring twice: ask the person. "
    "为避免重复打扰，DING 不会自动重发，请与接收人确认。"
)
_ABOUT_PEOPLE = ("miss.staffId", "staffId.notExisted", "illegal.receivers")
_MOST_HALVINGS = 16
_UNKNOWN_NUMBER = "DingTalk doesn't know the mobile number 钉钉找不到该手机号"
_NO_CREDIT = r"权益|余额|充值|quota"
_READ = ("READ", "TRUE", "1")
# The outcome of each class of errors; the first match decides.
_OUTCOMES: tuple[tuple[tuple[type[DingTalkError], ...], DingOutcome], ...] = (
    ((UnknownOutcomeError,), DingOutcome.UNKNOWN_OUTCOME),
    ((CreditExhaustedError,), DingOutcome.NO_CREDIT),
    ((PermissionMissingError,), DingOutcome.NO_PERMISSION),
    ((EditionError,), DingOutcome.EDITION),
    ((UnavailableError, ThrottledError), DingOutcome.UNAVAILABLE),
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DingReadStatus:
    """Who has read a DING.

    :param read_user_ids: who has read it.
    :param unread_user_ids: who hasn't yet.
    """

    read_user_ids: tuple[str, ...] = ()
    unread_user_ids: tuple[str, ...] = ()


@dataclass
class _Tally:
    """The results for the receivers of one DING so far."""

    ding_ids: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    uncertain: list[str] = field(default_factory=list)
    doubt: UnknownOutcomeError | None = None
    refusal: DingTalkError | None = None
    halved: int = 0

    @property
    def concerns_all(self) -> DingTalkError | None:
        """A refusal that the next receivers would get as well, such as of a permission."""
        return self.refusal if self.refusal is not None and self.refusal.errcode not in _ABOUT_PEOPLE else None

    def refused(self, people: Sequence[str], error: DingTalkError) -> None:
        self.failed.update(dict.fromkeys(people, error.problem))
        if self.refusal is None or self.concerns_all is None:
            self.refusal = error

    def outcome(self) -> DingOutcome:
        if self.doubt is not None:
            return DingOutcome.UNKNOWN_OUTCOME
        if self.reached:
            return DingOutcome.PARTLY if self.failed else DingOutcome.SENT
        if self.refusal is not None:
            return outcome_of(self.refusal)
        # Everybody is in the list of failures. DingTalk doesn't document its reasons.
        no_credit = all(re.search(_NO_CREDIT, reason, re.IGNORECASE) for reason in self.failed.values())
        return DingOutcome.NO_CREDIT if self.failed and no_credit else DingOutcome.REFUSED


class Dings:
    """DINGs through the robot of one app.

    :param calls: the app's calls to DingTalk.
    :param options: what the connection says.
    :param redact: removes from a text what Airflow masks.
    """

    def __init__(
        self,
        calls: AppCalls,
        options: DingOptions | None = None,
        *,
        redact: Callable[[str], str] = lambda words: words,
    ) -> None:
        self._calls = calls.at_most_once(_NEVER_AGAIN)
        self._options = options or DingOptions()
        self._redact = redact
        self._robot_code = calls.app.robot_code

    def send(
        self,
        content: str,
        to: Users | Mapping[str, Any],
        *,
        kind: DingKind | str = DingKind.APP,
        voice: str | None = None,
    ) -> DingReceipt:
        """Send a DING; people that DingTalk can't reach are in the receipt, and logged.

        :param content: plain text.
        :param to: the people.
        :param kind: ``app``, ``sms`` or ``phone``; SMS and phone calls cost money.
        :param voice: of a phone call, one of DingTalk's names; that of the connection if not given.
        :raises DingTalkError: of the class for the problem, if DingTalk didn't accept it for anybody, or if that is
            unknown for somebody.
        """
        receipt = self.try_send(content, to, kind=kind, voice=voice)
        receipt.raise_if_lost()
        if receipt.failed:
            _log.warning("DingTalk did not send the DING to %s.", named(list(receipt.failed)))
        return receipt

    def try_send(
        self,
        content: str,
        to: Users | Mapping[str, Any],
        *,
        kind: DingKind | str = DingKind.APP,
        voice: str | None = None,
        deadline: Deadline | None = None,
    ) -> DingReceipt:
        """Send a DING, and return the result whatever it is, for whoever decides what to do then.

        :param content: as for :meth:`send`, as are the others.
        :param deadline: for all calls; each is then tried only once.
        :raises InvalidMessageError: if the text is empty, or the kind or the people can't be read.
        """
        how = DingKind.read(kind)
        body = self._body(content, how, voice)
        people = read_people(to)
        calls = self._within(deadline)
        tally = _Tally()
        receivers, problem = _looked_up(calls, people, tally)
        if not receivers and problem is not None:
            # Looking people up sends nothing, so that its outcome is never in doubt.
            outcome = outcome_of(problem)
            known = DingOutcome.UNAVAILABLE if outcome is DingOutcome.UNKNOWN_OUTCOME else outcome
            return _logged(DingReceipt(how, known, failed=tally.failed, error=problem))
        for some in chunks(receivers, MOST_RECEIVERS[how]):
            if tally.concerns_all is not None:
                tally.refused(some, tally.concerns_all)
            else:
                _send_to_some(calls, body, some, tally)
        return _logged(
            DingReceipt(
                how,
                tally.outcome(),
                tuple(tally.ding_ids),
                tuple(tally.reached),
                tally.failed,
                tuple(tally.uncertain),
                tally.doubt or tally.refusal,
            )
        )

    def recall(self, receipt: DingReceipt | Mapping[str, Any], *, deadline: Deadline | None = None) -> None:
        """Recall a DING: it disappears from DingTalk; an SMS or a call can't be undone.

        :param receipt: that :meth:`send` returned, or its plain form from XCom.
        :param deadline: for all calls; each is then tried only once.
        :raises DingTalkError: if DingTalk refuses.
        """
        calls = self._within(deadline)
        for ding_id in DingReceipt.from_dict(receipt).ding_ids:
            body = {"robotCode": self._robot_code, "openDingId": ding_id}
            calls.v1("POST", RECALL_PATH, body=body, repeatable=True)

    def read_status(
        self, receipt: DingReceipt | Mapping[str, Any], *, deadline: Deadline | None = None
    ) -> DingReadStatus:
        """Who has read a DING. DingTalk's documents don't describe this call; only its SDK has it.

        :param receipt: that :meth:`send` returned, or its plain form from XCom.
        :param deadline: for all calls; each is then tried only once.
        :raises DingTalkError: if DingTalk can't be asked, or refuses.
        """
        calls = self._within(deadline)
        states: dict[str, bool] = {}
        for ding_id in DingReceipt.from_dict(receipt).ding_ids:
            answer = calls.v1(
                "POST",
                READ_STATUS_PATH,
                body={"robotCode": self._robot_code, "openDingId": ding_id},
                repeatable=True,
                expects=("result",),
            )
            result = answer["result"]
            for each in objects(result.get("robotDingReadInfoList") if isinstance(result, Mapping) else None):
                if user_id := text(each.get("userId")):
                    # An unknown word counts as unread: asking once more costs less than a failure that nobody sees.
                    states[user_id] = _word(each.get("readStatus")) in _READ
        return DingReadStatus(
            tuple(user_id for user_id, read in states.items() if read),
            tuple(user_id for user_id, read in states.items() if not read),
        )

    def _within(self, deadline: Deadline | None) -> AppCalls:
        return self._calls if deadline is None else self._calls.once(deadline)

    def _body(self, content: str, kind: DingKind, voice: str | None) -> dict[str, Any]:
        words = self._redact(content).strip() if isinstance(content, str) else ""
        if not words:
            raise InvalidMessageError("A DING needs a text.", "Pass one that is not empty. 请填写 DING 的内容。")
        if self._options.ding_max_characters is not None:
            words = cut_to_characters(words, self._options.ding_max_characters)
        body = {"robotCode": self._robot_code, "remindType": REMIND_TYPES[kind], "content": words}
        chosen = voice or self._options.ding_voice
        # It is ignored by the other kinds.
        return {**body, "callVoice": chosen} if chosen and kind is DingKind.PHONE else body


def outcome_of(error: DingTalkError) -> DingOutcome:
    """What an error means for a DING that reached nobody."""
    return next((outcome for classes, outcome in _OUTCOMES if isinstance(error, classes)), DingOutcome.REFUSED)


def cut_to_characters(words: str, most: int) -> str:
    """The beginning of a text, never half a character, with an ellipsis in the place of the rest."""
    if len(words) <= most:
        return words
    return f"{words[: whole_characters(words, most - 1)].rstrip()}…"


def _looked_up(calls: AppCalls, people: Users, tally: _Tally) -> tuple[list[str], DingTalkError | None]:
    """The user ids, and why none was found for mobile numbers; those without one are failures, partly masked."""
    found: dict[str, str] = {}
    problem: DingTalkError | None = None
    try:
        found = user_ids_of(calls, people.mobiles)
    except DingTalkError as error:
        # Whoever is known by user id gets it nevertheless.
        problem = error
    reason = _UNKNOWN_NUMBER if problem is None or isinstance(problem, TargetError) else problem.problem
    tally.failed.update({masked_number(mobile): reason for mobile in people.mobiles if mobile not in found})
    return list(dict.fromkeys([*people.user_ids, *found.values()])), problem


def _send_to_some(calls: AppCalls, body: Mapping[str, Any], some: list[str], tally: _Tally) -> None:
    try:
        answer = calls.v1(
            "POST", SEND_PATH, body={**body, "receiverUserIdList": some}, repeatable=False, expects=("openDingId",)
        )
    except UnknownOutcomeError as error:
        tally.uncertain += some
        tally.doubt = tally.doubt or error
    except DingTalkError as error:
        if error.errcode not in _ABOUT_PEOPLE or len(some) == 1 or tally.halved >= _MOST_HALVINGS:
            tally.refused(some, error)
            return
        # One unknown person may have made DingTalk refuse all of them; nobody was reached, and halves find that person.
        tally.halved += 1
        middle = len(some) // 2
        _send_to_some(calls, body, some[:middle], tally)
        _send_to_some(calls, body, some[middle:], tally)
    else:
        failed = _failed(answer.get("failedList"))
        tally.failed.update({user_id: failed[user_id] for user_id in some if user_id in failed})
        reached = [user_id for user_id in some if user_id not in failed]
        tally.reached += reached
        # Nobody could read or recall one that reached nobody.
        tally.ding_ids += [text(answer["openDingId"])] if reached else []


def _failed(failed_list: object) -> dict[str, str]:
    """User id -> reason, of DingTalk's map from reasons to lists of user ids."""
    if not isinstance(failed_list, Mapping):
        return {}
    return {
        user_id: shortened(text(reason)) or "DingTalk gives no reason 钉钉未说明原因"
        for reason, user_ids in failed_list.items()
        for user_id in texts(user_ids)
    }


def _word(value: object) -> str:
    return text(int(value) if isinstance(value, bool) else value).upper()


def _logged(receipt: DingReceipt) -> DingReceipt:
    # Without the text and without mobile numbers.
    _log.info(
        "DING (%s): %s; accepted for %d, failed for %d.",
        receipt.kind.value,
        receipt.outcome.words("en"),
        len(receipt.reached),
        len(receipt.failed),
    )
    return receipt
