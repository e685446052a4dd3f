"""The robot of an enterprise app (企业内部应用机器人): what it can say to a group or to people, and what came of it.

Facts from DingTalk's docs 0699, 0714, 0716, 0720, 0722, 0723 and 0725, read 2026-08-22. DingTalk has no means to
recognise a message that it got twice, so one that may have arrived isn't sent again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import objects, pairs, shortened, text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import (
    ending,
    file_name,
    named,
    pieces,
    refused,
    uploaded,
    wire_json,
)
from airflow_provider_dingpush.dingtalk.media import MediaCheck, MediaLibrary
from airflow_provider_dingpush.errors import (
    DingTalkError,
    InvalidMessageError,
    TargetError,
    UnknownOutcomeError,
    UnsupportedMessageError,
)
from airflow_provider_dingpush.messages.app_kinds import OA, Audio, File, Image, Message, Video
from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import with_line_breaks
from airflow_provider_dingpush.messages.media_source import describe, is_url
from airflow_provider_dingpush.messages.plain_forms import check_rendered

MAX_PARAM_BYTES = 15_000
PEOPLE_PER_CALL = 20
"""The field's documentation says 20, the error table of the same page 100 (docs 0714): 20 is right either way."""
_KEYS_PER_CALL = 20
_READERS_PER_PAGE = 200
_SHORT_PAUSE_SECONDS = 60.0
_DOOR = "An app robot"
_FILE_TYPES = ("xlsx", "pdf", "zip", "rar", "doc", "docx")
# Uploads take amr, mp3 and wav, robots play ogg and amr.
_AUDIO_TYPE, _AUDIO_BEGINNING = "amr", b"#!AMR"
_MOST_VERTICAL_BUTTONS = 5
_STATES = {"suc": "sent", "rec": "recalled", "pro": "processing"}


@dataclass(frozen=True)
class Sent:
    """What DingTalk said when it took a message.

    :param parts: into how many messages it was split.
    :param process_query_keys: handles for read status and recall, one for each message that was sent.
    :param invalid_user_ids: people that DingTalk doesn't know, or whom the robot may not write to.
    :param flow_controlled_user_ids: people to whom DingTalk held the message back because they get too much.
    """

    parts: int
    process_query_keys: tuple[str, ...]
    invalid_user_ids: tuple[str, ...] = ()
    flow_controlled_user_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadStatus:
    """Who has read a message.

    :param state: ``sent``, ``recalled`` or ``processing``, or DingTalk's own word for anything else.
    :param read_user_ids: who has read it.
    :param unread_user_ids: who hasn't yet; DingTalk doesn't tell that of groups.
    """

    state: str
    read_user_ids: tuple[str, ...] = ()
    unread_user_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recalled:
    """What came of taking messages back.

    :param recalled: handles of those that are gone from the chats.
    :param failed: handle -> DingTalk's reason, of those that aren't.
    """

    recalled: tuple[str, ...]
    failed: Mapping[str, str]


@dataclass
class _Tally:
    """What happened to the people of one message so far."""

    keys: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    invalid: list[str] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    doubt: UnknownOutcomeError | None = None
    refusal: TargetError | None = None

    def out_of_reach(self) -> set[str]:
        return {*self.invalid, *self.held_back, *self.uncertain}


class AppRobot:
    """Sends messages through the robot of one app.

    :param calls: the way to DingTalk.
    :param media: uploads pictures and files; without it a message can hold only what is in DingTalk already.
    :param robot_code: the robotCode of its robot.
    :param people_per_call: to how many people one call sends.
    """

    def __init__(
        self, calls: AppCalls, media: MediaLibrary | None, robot_code: str, *, people_per_call: int = PEOPLE_PER_CALL
    ) -> None:
        self._calls = calls
        self._media = media
        self._robot_code = robot_code
        self._people_per_call = people_per_call

    def send_to_group(self, message: Message, group: str) -> Sent:
        """Send the whole message to a group, split into numbered parts if it is too long.

        :param group: the group's openConversationId.
        :raises DingTalkError: typed by what went wrong; see :mod:`airflow_provider_dingpush.errors`.
        """
        return self._to_group(self._split(message), group)

    def send_to_people(self, message: Message, user_ids: Sequence[str]) -> Sent:
        """Send the whole message to people, each in their own chat with the robot.

        :raises TargetError: if it reached none of them.
        :raises UnknownOutcomeError: if DingTalk doesn't tell of some of them whether it reached them.
        :raises DingTalkError: typed by what else went wrong.
        """
        return self._to_people(self._split(message), user_ids)

    def send_cut_to_group(self, message: Message, group: str, *, language: str) -> Sent:
        """Send the message in one piece, cut with a note if it is too long; for alerts.

        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: typed by what went wrong.
        """
        return self._to_group([self._cut(message, language)], group)

    def send_cut_to_people(self, message: Message, user_ids: Sequence[str], *, language: str) -> Sent:
        """Send the message in one piece to people, cut with a note if it is too long; for alerts.

        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: typed by what went wrong; as :meth:`send_to_people` does.
        """
        return self._to_people([self._cut(message, language)], user_ids)

    def recall_from_group(self, keys: Sequence[str], group: str) -> Recalled:
        """Take messages back out of a group; nothing in the chat tells that they were there.

        :param keys: their handles.
        :raises DingTalkError: typed by what went wrong.
        """
        return self._recall("/v1.0/robot/groupMessages/recall", keys, openConversationId=group)

    def recall_from_people(self, keys: Sequence[str]) -> Recalled:
        """Take messages back out of people's chats, which works for 24 hours.

        :param keys: their handles.
        :raises DingTalkError: typed by what went wrong.
        """
        # DingTalk spells this path with a small "oto", and the one to send with "oTo".
        return self._recall("/v1.0/robot/otoMessages/batchRecall", keys)

    def read_status_of_group(self, key: str, group: str) -> ReadStatus:
        """Who in a group has read a message.

        :raises DingTalkError: typed by what went wrong.
        """
        body: dict[str, Any] = {
            "robotCode": self._robot_code,
            "openConversationId": group,
            "processQueryKey": key,
            "maxResults": _READERS_PER_PAGE,
        }
        readers: dict[str, None] = {}
        seen: set[str] = set()
        while True:
            answer = self._calls.v1(
                "POST", "/v1.0/robot/groupMessages/query", body=body, repeatable=True, expects=("sendStatus",)
            )
            readers.update(dict.fromkeys(texts(answer.get("readUserIds"))))
            page = text(answer.get("nextToken"))
            # A page that comes again would go on for ever.
            if not answer.get("hasMore") or not page or page in seen:
                return ReadStatus(_state(answer["sendStatus"]), tuple(readers))
            seen.add(page)
            body["nextToken"] = page

    def read_status_of_people(self, key: str) -> ReadStatus:
        """Who of the people that a message was sent to has read it; DingTalk tells for 24 hours.

        :raises DingTalkError: typed by what went wrong.
        """
        answer = self._calls.v1(
            "GET",
            "/v1.0/robot/oToMessages/readStatus",
            query={"robotCode": self._robot_code, "processQueryKey": key},
            repeatable=True,
            expects=("sendStatus",),
        )
        people = [
            (user_id, text(each.get("readStatus")).upper() == "READ")
            for each in objects(answer.get("messageReadInfoList"))
            if (user_id := text(each.get("userId")))
        ]
        return ReadStatus(
            _state(answer["sendStatus"]),
            tuple(user_id for user_id, read in people if read),
            tuple(user_id for user_id, read in people if not read),
        )

    def _split(self, message: Message) -> list[dict[str, str]]:
        check_rendered(message)
        message = with_line_breaks(message)
        parts: tuple[Message, ...] = (message,)
        if _is_long(message):
            from airflow_provider_dingpush.messages.fitting import split_to_size

            parts = split_to_size(message, MAX_PARAM_BYTES, size_of=_size)
        return [encoded(part, self._media) for part in parts]

    def _cut(self, message: Message, language: str) -> dict[str, str]:
        return encoded(_fitted(message, language), self._media)

    def _to_group(self, parts: Sequence[Mapping[str, str]], group: str) -> Sent:
        keys: list[str] = []
        for place, part in enumerate(parts):
            try:
                answer = self._calls.v1(
                    "POST",
                    "/v1.0/robot/groupMessages/send",
                    body={"robotCode": self._robot_code, "openConversationId": group, **part},
                    repeatable=False,
                    expects=("processQueryKey",),
                )
            except DingTalkError as error:
                if place:
                    _sent_before(error, f"Part {place + 1} of {len(parts)} failed, those before it were sent")
                raise
            keys.append(text(answer["processQueryKey"]))
        return Sent(len(parts), tuple(keys))

    def _to_people(self, parts: Sequence[Mapping[str, str]], user_ids: Sequence[str]) -> Sent:
        people = list(dict.fromkeys(user_ids))
        tally = _Tally()
        for part in parts:
            # Whom one part didn't reach gets no other: the rest of a message is worth nothing without its beginning.
            missed = tally.out_of_reach()
            for some in pieces([each for each in people if each not in missed], self._people_per_call):
                self._to_some(part, some, tally)
        reached = [each for each in people if each not in tally.out_of_reach()]
        if tally.doubt is not None:
            raise _doubtful(tally.doubt, tally.uncertain, reached)
        if not reached:
            raise tally.refusal or _nobody(tally)
        return Sent(len(parts), tuple(tally.keys), tuple(tally.invalid), tuple(tally.held_back))

    def _to_some(self, part: Mapping[str, str], some: list[str], tally: _Tally) -> None:
        try:
            answer = self._calls.v1(
                "POST",
                "/v1.0/robot/oToMessages/batchSend",
                body={"robotCode": self._robot_code, "userIds": some, **part},
                repeatable=False,
                expects=("processQueryKey",),
            )
        except TargetError as error:
            # It speaks of these people; others may be reached.
            tally.invalid += some
            tally.refusal = tally.refusal or error
        except UnknownOutcomeError as error:
            tally.uncertain += some
            tally.doubt = tally.doubt or error
        except DingTalkError as error:
            if tally.keys or tally.uncertain:
                _sent_before(error, f"To {named(some)} it failed, to some before them it was sent")
            raise
        else:
            tally.keys.append(text(answer["processQueryKey"]))
            # The last list stands in DingTalk's SDK only, without a word of what it means.
            for name, missed in (
                ("invalidStaffIdList", tally.invalid),
                ("flowControlledStaffIdList", tally.held_back),
                ("filteredStaffIdList", tally.invalid),
            ):
                missed += [each for each in texts(answer.get(name)) if each not in missed]
            tally.begun.update(set(some) - tally.out_of_reach())

    def _recall(self, path: str, keys: Sequence[str], **where: str) -> Recalled:
        done: list[str] = []
        failed: dict[str, str] = {}
        for some in pieces(list(dict.fromkeys(keys)), _KEYS_PER_CALL):
            answer = self._calls.v1(
                "POST", path, body={"robotCode": self._robot_code, **where, "processQueryKeys": some}, repeatable=True
            )
            failed.update({key: shortened(reason) for key, reason in pairs(answer.get("failedResult"))})
            done += [key for key in texts(answer.get("successResult")) if key not in failed]
            failed.update({key: "DingTalk says nothing about it." for key in some if key not in done + list(failed)})
        return Recalled(tuple(done), failed)


def prepared(message: Message, *, language: str) -> Message:
    """A message that an app robot can carry, cut with a note if it is too long; nothing is sent or uploaded.

    :param language: ``zh`` or ``en``, of the note.
    :raises ContentError: if an app robot can't carry it, or what would be uploaded can't be.
    """
    message = _fitted(message, language)
    encoded(message, MediaCheck())
    return message


def _fitted(message: Message, language: str) -> Message:
    check_rendered(message)
    message = with_line_breaks(message)
    if not _is_long(message):
        return message
    from airflow_provider_dingpush.messages.fitting import cut_to_size

    return cut_to_size(message, MAX_PARAM_BYTES, size_of=_size, language=language)


def encoded(message: Message, media: MediaLibrary | None) -> dict[str, str]:
    """The two fields of a request that say what is sent: ``msgKey``, and ``msgParam`` as a JSON string.

    :param media: uploads what isn't in DingTalk yet.
    :raises UnsupportedMessageError: for a kind that an app robot can't carry.
    """
    encode = _ENCODERS.get(type(message))
    if encode is None:
        remedy = (
            "Send it as a work notification, with to=WorkNotification(user_ids=…). "
            "请改用工作通知：to=WorkNotification(user_ids=…)。"
            if isinstance(message, OA)
            else "Send it through a group's custom robot, a connection of type 'dingtalk_robot'. "
            "请通过群自定义机器人（dingtalk_robot 连接）发送。"
            if isinstance(message, FeedCard)
            else ""
        )
        raise refused(message, _DOOR, remedy)
    key, param = encode(message, media)
    return {"msgKey": key, "msgParam": wire_json(param)}


def _text(message: Text, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    return "sampleText", {"content": message.content}


def _markdown(message: Markdown, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    return "sampleMarkdown", {"title": message.title, "text": message.text}


def _link(message: Link, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    # The docs show picUrl in every sample and nowhere say that it may be missing (miss.param.picUrl is an error).
    return "sampleLink", {
        "title": message.title,
        "text": message.text,
        "messageUrl": message.message_url,
        "picUrl": message.pic_url or "",
    }


def _action_card(message: ActionCard, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    param = {"title": message.title, "text": message.text}
    buttons = message.buttons
    if len(buttons) == 1:
        return "sampleActionCard", {**param, "singleTitle": buttons[0].title, "singleURL": buttons[0].url}
    if len(buttons) > (2 if message.horizontal else _MOST_VERTICAL_BUTTONS):
        raise UnsupportedMessageError(
            f"{_DOOR}'s ActionCard can't have {len(buttons)} buttons{' side by side' if message.horizontal else ''}.",
            "It takes five below each other, or two side by side (horizontal=True); put further links into the text. "
            "应用机器人的卡片最多竖排五个或横排两个按钮。",
        )
    title, url = ("buttonTitle", "buttonUrl") if message.horizontal else ("actionTitle", "actionURL")
    for number, button in enumerate(buttons, 1):
        param.update({f"{title}{number}": button.title, f"{url}{number}": button.url})
    return f"sampleActionCard{6 if message.horizontal else len(buttons)}", param


def _image(message: Image, media: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    source = message.source
    return "sampleImageMsg", {
        "photoURL": source if is_url(source) else uploaded(media, "Image.source", source, kind="image")
    }


def _file(message: File, media: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    name = file_name(message)
    if not name:
        raise InvalidMessageError(
            "File.name is missing, and an app robot shows it.", 'Write File("@media id", name="report.xlsx").'
        )
    kind = ending(name)
    if kind not in _FILE_TYPES:
        raise UnsupportedMessageError(
            f"{_DOOR} can't carry the file {name!r}: it takes {', '.join(_FILE_TYPES)}.",
            "Put it into a zip, or write a table as xlsx. 请打包成 zip，表格可存为 xlsx。",
        )
    media_id = uploaded(media, "File.source", message.source, kind="file", name=name)
    return "sampleFile", {"mediaId": media_id, "fileName": name, "fileType": kind}


def _audio(message: Audio, media: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    source = message.source
    found = describe(source)
    name = found.name if found is not None else None
    if (name and ending(name) != _AUDIO_TYPE) or (
        isinstance(source, bytes) and not source.startswith(_AUDIO_BEGINNING)
    ):
        raise UnsupportedMessageError(
            f"{_DOOR} can't play {repr(name) if name else 'these bytes'}: it takes {_AUDIO_TYPE}.",
            "Convert it, for example with: ffmpeg -i sound.mp3 -ar 8000 sound.amr. 请先转换为 amr 格式。",
        )
    media_id = uploaded(media, "Audio.source", source, kind="voice")
    return "sampleAudio", {"mediaId": media_id, "duration": str(max(1, round(message.duration_seconds * 1000)))}


def _video(message: Video, media: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    return "sampleVideo", {
        "duration": str(math.ceil(message.duration_seconds)),
        "videoMediaId": uploaded(media, "Video.source", message.source, kind="video"),
        "videoType": "mp4",
        "picMediaId": uploaded(media, "Video.cover", message.cover, kind="image"),
    }


_ENCODERS: dict[type, Callable[[Any, MediaLibrary | None], tuple[str, dict[str, str]]]] = {
    Text: _text,
    Markdown: _markdown,
    Link: _link,
    ActionCard: _action_card,
    Image: _image,
    File: _file,
    Audio: _audio,
    Video: _video,
}


def _is_long(message: Message) -> bool:
    return isinstance(message, (Text, Markdown, Link, ActionCard)) and _size(message) > MAX_PARAM_BYTES


def _size(message: Message) -> int:
    return len(encoded(message, None)["msgParam"].encode())


def _state(word: object) -> str:
    # The docs' own sample spells it SUCESS.
    said = shortened(text(word)).lower()
    return _STATES.get(said[:3], said)


def _sent_before(error: DingTalkError, what: str) -> None:
    """Say that a part of the message has arrived; sending all of it again would double that."""
    error.problem = f"{what}: {error.problem}"
    error.retryable = False


def _doubtful(doubt: UnknownOutcomeError, uncertain: Sequence[str], reached: Sequence[str]) -> UnknownOutcomeError:
    others = f"; sent to {named(reached)}" if reached else ""
    doubt.problem = f"It may or may not have arrived at {named(uncertain)}{others}: {doubt.problem}"
    doubt.retryable = doubt.retryable and not reached
    return doubt


def _nobody(tally: _Tally) -> TargetError:
    reasons = []
    if tally.invalid:
        reasons.append(f"unknown or out of the app's visible scope: {named(tally.invalid)}")
    if tally.held_back:
        reasons.append(f"held back by DingTalk because they get too much: {named(tally.held_back)}")
    if tally.begun:
        reasons.append("only its first part arrived")
    advice = (
        "Check the user ids (userid, not mobile number or name) and the app's visible scope (可见范围) in DingTalk's "
        "developer console. 请检查 userid 是否正确，以及应用的可见范围是否包含这些人。"
        if tally.invalid or not tally.held_back
        else "Send fewer messages to the same people. 请降低向同一人发送消息的频率。"
    )
    return TargetError(
        f"The message reached nobody; {'; '.join(reasons) or 'it named nobody'}.",
        advice,
        retryable=bool(tally.held_back) and not tally.begun,
        retry_after_seconds=_SHORT_PAUSE_SECONDS if tally.held_back else None,
    )
