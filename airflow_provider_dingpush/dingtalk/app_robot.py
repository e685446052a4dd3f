"""The robot of an enterprise app (企业内部应用机器人): what it can carry to a group or to people, and how it is sent.

Facts from DingTalk's docs 0699, 0714 and 0716, read 2026-08-22. DingTalk can't recognise a repeated message of an app,
so one that may have arrived isn't sent again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_dingpush.dingtalk.answer_fields import text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import (
    Encoder,
    Sent,
    body_of,
    chunks,
    encoder_of,
    ending,
    file_name,
    message_in,
    named,
    refuse_mentions,
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
from airflow_provider_dingpush.messages.app_kinds import Audio, File, Image, Message, Video
from airflow_provider_dingpush.messages.kinds import ActionCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import with_line_breaks
from airflow_provider_dingpush.messages.media_source import describe, is_url
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import check_rendered
from airflow_provider_dingpush.targets import Group, Users
from airflow_provider_dingpush.timeouts import Deadline

MAX_PARAM_BYTES = 15_000
PEOPLE_PER_CALL = 20
"""The field's documentation says 20, the error table of the same page 100 (docs 0714): 20 is right either way."""
_SHORT_PAUSE_SECONDS = 60.0
_CHANNEL = "An app robot"
_FILE_TYPES = ("xlsx", "pdf", "zip", "rar", "doc", "docx")
# Uploads accept amr, mp3 and wav, robots play ogg and amr.
_AUDIO_TYPE, _AUDIO_BEGINNING = "amr", b"#!AMR"
_MOST_VERTICAL_BUTTONS = 5


@dataclass
class _Tally:
    """The results for the recipients of one message so far."""

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
    """The channel of an app's robot to a group, or to people, each in their own chat with it.

    :param calls: the app's calls to DingTalk.
    :param media: uploads images and files; without it a message can hold only media ids.
    :param target: the group or the people.
    :param people_per_call: to how many people one call sends.
    """

    recognises_repeats = False
    text_bytes = 13_500
    """How long a text may be, in bytes of JSON, so that nothing is cut: the rest is for the title."""

    def __init__(
        self,
        calls: AppCalls,
        media: MediaLibrary | None,
        target: Group | Users,
        *,
        people_per_call: int = PEOPLE_PER_CALL,
    ) -> None:
        self.target = target
        self.name = "app_robot_group" if isinstance(target, Group) else "app_robot_users"
        self._calls = calls
        self._media = media
        self._robot_code = calls.app.robot_code
        self._people_per_call = people_per_call

    def send(self, message: Message, at: At | None = None) -> Sent:
        """Send the whole message, split into numbered parts if it is too long.

        :param at: refused: an app's messages can't mention people.
        :raises TargetError: if it reached none of the recipients.
        :raises UnknownOutcomeError: if it is unknown for some people whether it reached them.
        :raises DingTalkError: of the class for any other problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        refuse_mentions(at)
        check_rendered(message)
        message = with_line_breaks(message)
        parts: tuple[Message, ...] = (message,)
        if _is_long(message):
            from airflow_provider_dingpush.messages.fitting import split_to_size

            parts = split_to_size(message, MAX_PARAM_BYTES, size_of=_size)
        return self._send(parts)

    def send_cut(self, message: Message, at: At | None = None, *, language: str) -> Sent:  # noqa: ARG002 - as other channels
        """Send an alert as one message, cut with a note if it is too long.

        :param at: left out: an app's messages can't mention people.
        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: as :meth:`send` does.
        """
        return self._send([_fitted(message, language)])

    @staticmethod
    def prepare(message: Message, at: At | None, *, uuid: str, language: str) -> bytes:  # noqa: ARG004 - as other channels
        """The body of one message, cut with a note if it is too long; the same for every target.

        :param at: left out: an app's messages can't mention people.
        :param uuid: ignored: DingTalk doesn't recognise a repeated message of an app.
        :param language: ``zh`` or ``en``, of the note.
        :raises ContentError: if an app robot can't carry it, its media can't be uploaded, or it can't be plain data.
        """
        return body_of(AppRobot.check(message, language=language), language)

    @staticmethod
    def check(message: Message, *, language: str) -> Message:
        """The message as an app robot can carry it, cut with a note if it is too long; nothing is uploaded.

        :param language: ``zh`` or ``en``, of the note.
        :raises ContentError: if an app robot can't carry it, or its media can't be uploaded.
        """
        message = _fitted(message, language)
        encoded(message, MediaCheck())
        return message

    def post(self, body: bytes, deadline: Deadline) -> DingTalkError | None:
        """Upload the media of a body, post it once, and return the error, if any.

        :param deadline: for all answers.
        """
        calls = self._calls.once(deadline)
        channel = AppRobot(calls, MediaLibrary(calls), self.target, people_per_call=self._people_per_call)
        try:
            message, language = message_in(body)
            sent = channel.send_cut(message, language=language)
        except DingTalkError as error:
            return error
        self.handles = () if isinstance(self.target, Group) else sent.process_query_keys
        return None

    def _send(self, messages: Sequence[Message]) -> Sent:
        if isinstance(self.target, Group):
            parts = [encoded(each, self._media) for each in messages]
            return self._to_group(parts, self.target.open_conversation_id)
        from airflow_provider_dingpush.dingtalk.people import user_ids_of_users

        # Before anything is uploaded: nobody may be known.
        people = user_ids_of_users(self._calls, self.target)
        return self._to_people([encoded(each, self._media) for each in messages], people)

    def _to_group(self, parts: Sequence[Mapping[str, str]], group: str) -> Sent:
        keys: list[str] = []
        for index, part in enumerate(parts):
            try:
                answer = self._calls.v1(
                    "POST",
                    "/v1.0/robot/groupMessages/send",
                    body={"robotCode": self._robot_code, "openConversationId": group, **part},
                    repeatable=False,
                    expects=("processQueryKey",),
                )
            except DingTalkError as error:
                if index:
                    _sent_before(error, f"Part {index + 1} of {len(parts)} failed, those before it were sent")
                raise
            keys.append(text(answer["processQueryKey"]))
        return Sent(len(parts), tuple(keys))

    def _to_people(self, parts: Sequence[Mapping[str, str]], user_ids: Sequence[str]) -> Sent:
        people = list(dict.fromkeys(user_ids))
        tally = _Tally()
        for part in parts:
            # People whom one part didn't reach get no further part: the rest is useless without the beginning.
            missed = tally.out_of_reach()
            for some in chunks([each for each in people if each not in missed], self._people_per_call):
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
            # It concerns these people only; others may be reached.
            tally.invalid += some
            tally.refusal = tally.refusal or error
        except UnknownOutcomeError as error:
            tally.uncertain += some
            tally.doubt = tally.doubt or error
        except DingTalkError as error:
            if tally.keys or tally.uncertain:
                _sent_before(error, f"Sending to {named(some)} failed, after it was sent to others")
            raise
        else:
            tally.keys.append(text(answer["processQueryKey"]))
            # The last list is only in DingTalk's SDK, without an explanation.
            for name, missed in (
                ("invalidStaffIdList", tally.invalid),
                ("flowControlledStaffIdList", tally.held_back),
                ("filteredStaffIdList", tally.invalid),
            ):
                missed += [each for each in texts(answer.get(name)) if each not in missed]
            tally.begun.update(set(some) - tally.out_of_reach())


def _fitted(message: Message, language: str) -> Message:
    check_rendered(message)
    message = with_line_breaks(message)
    if not _is_long(message):
        return message
    from airflow_provider_dingpush.messages.fitting import cut_to_size

    return cut_to_size(message, MAX_PARAM_BYTES, size_of=_size, language=language)


def encoded(message: Message, media: MediaLibrary | None) -> dict[str, str]:
    """The two fields of a request that hold the message: ``msgKey``, and ``msgParam`` as a JSON string.

    :param media: uploads sources that are no media ids.
    :raises UnsupportedMessageError: for a kind that an app robot can't carry.
    """
    key, param = encoder_of(message, _ENCODERS, _CHANNEL)(message, media)
    return {"msgKey": key, "msgParam": wire_json(param)}


def _text(message: Text, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    return "sampleText", {"content": message.content}


def _markdown(message: Markdown, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    return "sampleMarkdown", {"title": message.title, "text": message.text}


def _link(message: Link, _: MediaLibrary | None) -> tuple[str, dict[str, str]]:
    # The docs have picUrl in every sample and don't call it optional (miss.param.picUrl is an error).
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
        layout = " side by side" if message.horizontal else ""
        raise UnsupportedMessageError(
            f"{_CHANNEL}'s ActionCard can't have {len(buttons)} buttons{layout}.",
            "It can have five below each other, or two side by side (horizontal=True); put more links into the text. "
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
            f"{_CHANNEL} can't carry the file {name!r}: it accepts {', '.join(_FILE_TYPES)}.",
            "Put it into a zip, or write a table as xlsx. 请打包成 zip，表格可存为 xlsx。",
            problem_zh=f"应用机器人不支持文件 {name!r}，只接受 {'、'.join(_FILE_TYPES)}。",
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
            f"{_CHANNEL} can't play {repr(name) if name else 'these bytes'}: it accepts {_AUDIO_TYPE}.",
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


_ENCODERS: dict[type, Encoder] = {
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
    return hasattr(message, "long_text") and _size(message) > MAX_PARAM_BYTES


def _size(message: Message) -> int:
    return len(encoded(message, None)["msgParam"].encode())


def _sent_before(error: DingTalkError, what: str) -> None:
    """Add to the error that a part of the message has arrived; sending all of it again would repeat that part."""
    error.problem = f"{what}: {error.problem}"
    error.retryable = False


def _doubtful(doubt: UnknownOutcomeError, uncertain: Sequence[str], reached: Sequence[str]) -> UnknownOutcomeError:
    others = f"; sent to {named(reached)}" if reached else ""
    doubt.problem = f"It may or may not have arrived at {named(uncertain)}{others}: {doubt.problem}"
    doubt.retryable = doubt.retryable and not reached
    return doubt


def _nobody(tally: _Tally) -> TargetError:
    reasons, reasons_zh = [], []
    if tally.invalid:
        reasons.append(f"unknown or out of the app's visible scope: {named(tally.invalid)}")
        reasons_zh.append(f"无此员工或不在应用可见范围：{named(tally.invalid)}")
    if tally.held_back:
        reasons.append(f"flow-controlled because they receive too many messages: {named(tally.held_back)}")
        reasons_zh.append(f"接收的消息过多，被钉钉限流：{named(tally.held_back)}")
    if tally.begun:
        reasons.append("only its first part arrived")
        reasons_zh.append("只送达了第一部分")
    advice = (
        "Check the user ids (userid, not mobile number or name) and the app's visible scope (可见范围) in DingTalk's "
        "developer console. 请检查 userid 是否正确，以及应用的可见范围是否包含这些人。"
        if tally.invalid or not tally.held_back
        else "Send fewer messages to the same people. 请降低向同一人发送消息的频率。"
    )
    return TargetError(
        f"The message reached no one; {'; '.join(reasons)}.",
        advice,
        problem_zh=f"消息没有送达任何人：{'；'.join(reasons_zh)}。",
        retryable=bool(tally.held_back) and not tally.begun,
        retry_after_seconds=_SHORT_PAUSE_SECONDS if tally.held_back else None,
    )
