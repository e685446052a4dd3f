"""Work notifications (工作通知) of an enterprise app: what they can carry, and how they are sent.

Facts from DingTalk's docs 0769 and 0775, read 2026-08-22. DingTalk accepts a work notification at once and delivers it
later. The same content reaches a person once a day, which makes it safe to send it again without an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import text
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import (
    Encoder,
    Sent,
    body_of,
    chunks,
    encoder_of,
    file_name,
    message_in,
    refuse_mentions,
    uploaded,
    wire_json,
)
from airflow_provider_dingpush.dingtalk.credentials import App
from airflow_provider_dingpush.dingtalk.media import MediaCheck, MediaLibrary
from airflow_provider_dingpush.errors import (
    ConnectionSettingsError,
    DingTalkError,
    MessageTooLongError,
    UnsupportedMessageError,
)
from airflow_provider_dingpush.messages.app_kinds import OA, Audio, File, Image, Message
from airflow_provider_dingpush.messages.field_rules import is_media_id
from airflow_provider_dingpush.messages.kinds import ActionCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import with_line_breaks
from airflow_provider_dingpush.messages.media_source import is_url
from airflow_provider_dingpush.messages.mentions import At
from airflow_provider_dingpush.messages.plain_forms import check_rendered
from airflow_provider_dingpush.targets import WorkNotification
from airflow_provider_dingpush.timeouts import Deadline

MAX_MESSAGE_BYTES = 2_048
PEOPLE_PER_CALL = 100
DEPARTMENTS_PER_CALL = 20
PATH = "/topapi/message/corpconversation"
_MAX_FILE_BYTES = 10 * 1024 * 1024
_MAX_VOICE_SECONDS = 60
_MAX_PEOPLE_WITH_STATUS = 5
# In characters; docs 0775, and 34016 of the table of codes.
_MAX_TITLE, _MAX_BUTTON_TITLE, _MAX_SINGLE_URL, _MAX_BUTTON_URL, _MAX_BUTTONS = 64, 20, 500, 700, 1000
_HEAD = {"bgcolor": "FFBBBBBB", "text": "Airflow"}  # required, and always replaced by the app's own name
_CHANNEL = "A work notification"


class WorkNotifications:
    """The channel of an app's work notifications to people and departments.

    :param calls: the app's calls to DingTalk.
    :param media: uploads images and files; without it a message can hold only media ids.
    :param target: the recipients.
    :param people_per_call: to how many people one call sends.
    :param departments_per_call: to how many departments one call sends.
    """

    name = "work_notification"
    recognises_repeats = True
    """DingTalk drops content that a person has already received on the same day."""
    text_bytes = 1_700
    """How long a text may be, in bytes of JSON, so that nothing is cut: the rest is for title and envelope."""

    def __init__(
        self,
        calls: AppCalls,
        media: MediaLibrary | None,
        target: WorkNotification,
        *,
        people_per_call: int = PEOPLE_PER_CALL,
        departments_per_call: int = DEPARTMENTS_PER_CALL,
    ) -> None:
        self.target = target
        self._calls = calls
        self._media = media
        self._people_per_call = people_per_call
        self._departments_per_call = departments_per_call
        self.handles: tuple[str, ...] = ()
        """Of the last message that was posted, by which DingTalk says who of these people has read it; none for
        departments and everyone, of whom DingTalk may list too many."""

    def send(self, message: Message, at: At | None = None) -> Sent:
        """Submit the message to DingTalk, which delivers it later.

        :param at: refused: an app's messages can't mention people.
        :raises ConnectionSettingsError: if the AgentId is missing or no number.
        :raises MessageTooLongError: if it has more than 2,048 bytes; it isn't split, because each part would ring.
        :raises DingTalkError: of the class for any other problem; see :mod:`airflow_provider_dingpush.errors`.
        """
        agent_id_of(self._calls.app)
        refuse_mentions(at)
        check_rendered(message)
        _refuse_status_bar(message, self.target)
        broken = with_line_breaks(message)
        # It isn't split: one that is too long only because of its line breaks is sent without them.
        message = message if _is_long(broken) else broken
        _refuse_long(message)
        return self._submit(encoded(message, self._media))

    def send_cut(self, message: Message, at: At | None = None, *, language: str) -> Sent:  # noqa: ARG002 - as other channels
        """Send an alert, cut with a note if it is too long.

        :param at: left out: an app's messages can't mention people.
        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: as :meth:`send` does.
        """
        agent_id_of(self._calls.app)
        return self._submit(encoded(_fitted(message, self.target, language), self._media))

    def prepare(self, message: Message, at: At | None, *, uuid: str, language: str) -> bytes:  # noqa: ARG002 - as other channels
        """The body of a message, cut with a note if it is too long.

        :param at: left out: an app's messages can't mention people.
        :param uuid: ignored: DingTalk recognises the same content on the same day.
        :param language: ``zh`` or ``en``, of the note.
        :raises ContentError: as :meth:`check` does, and if the message can't be plain data.
        """
        return body_of(self.check(message, language=language), language)

    def check(self, message: Message, *, language: str) -> Message:
        """The message as these people can receive it, cut with a note if it is too long; nothing is uploaded.

        :param language: ``zh`` or ``en``, of the note.
        :raises ContentError: if a work notification to these people can't carry it, or its media can't be uploaded.
        """
        message = _fitted(message, self.target, language)
        encoded(message, MediaCheck())
        return message

    def post(self, body: bytes, deadline: Deadline) -> DingTalkError | None:
        """Upload the media of a body, submit it once, and return the error, if any.

        :param deadline: for all answers.
        """
        calls = self._calls.once(deadline)
        try:
            message, language = message_in(body)
            sent = WorkNotifications(calls, MediaLibrary(calls), self.target).send_cut(message, language=language)
        except DingTalkError as error:
            return error
        self.handles = () if self.target.everyone or self.target.department_ids else sent.task_ids
        return None

    def _recipients(self) -> list[dict[str, Any]]:
        """The recipients of each call, as fields of its request."""
        if self.target.everyone:
            return [{"to_all_user": True}]
        people = list(chunks(self.target.user_ids, self._people_per_call))
        departments = list(chunks([str(each) for each in self.target.department_ids], self._departments_per_call))
        # One call can have both lists, and a person in two of them gets the notification once.
        calls: list[dict[str, Any]] = [{} for _ in range(max(len(people), len(departments)))]
        for index, some in enumerate(people):
            calls[index]["userid_list"] = ",".join(some)
        for index, some in enumerate(departments):
            calls[index]["dept_id_list"] = ",".join(some)
        return calls

    def _submit(self, msg: Mapping[str, Any]) -> Sent:
        tasks: list[str] = []
        recipients = self._recipients()
        for index, some in enumerate(recipients):
            try:
                answer = self._calls.oapi(
                    f"{PATH}/asyncsend_v2",
                    body={"agent_id": agent_id_of(self._calls.app), **some, "msg": msg},
                    repeatable=True,
                    expects=("task_id",),
                )
            except DingTalkError as error:
                if index:
                    error.problem = (
                        f"Call {index + 1} of {len(recipients)} failed, those before it were accepted "
                        f"(task_id {','.join(tasks)}): {error.problem}"
                    )
                raise
            tasks.append(text(answer["task_id"]))
        return Sent(task_ids=tuple(tasks), resent=self._calls.was_in_doubt)


def agent_id_of(app: App) -> int:
    """The AgentId of an app as a number.

    :raises ConnectionSettingsError: if it is missing or no number.
    """
    if app.agent_id is None or not app.agent_id.strip().isdecimal():
        raise ConnectionSettingsError(
            "A work notification needs the app's AgentId, and the connection has none."
            if not app.agent_id
            else "The connection's 'agent_id' is no number.",
            "Copy the AgentId from the app's page in DingTalk's developer console into the extra field 'agent_id'. "
            "请在开发者后台的应用详情页复制 AgentId，填入连接的 agent_id 字段。",
        )
    return int(app.agent_id)


def _fitted(message: Message, target: WorkNotification, language: str) -> Message:
    check_rendered(message)
    if isinstance(message, (Markdown, ActionCard)) and len(message.title) > _MAX_TITLE:
        message = replace(message, title=f"{message.title[: _MAX_TITLE - 1]}…")
    _refuse_status_bar(message, target)
    message = with_line_breaks(message)
    if not _is_long(message):
        return message
    from airflow_provider_dingpush.messages.fitting import cut_to_size

    return cut_to_size(message, MAX_MESSAGE_BYTES, size_of=_size, language=language)


def encoded(message: Message, media: MediaLibrary | None) -> dict[str, Any]:
    """The ``msg`` object of a request.

    :param media: uploads sources that are no media ids.
    :raises UnsupportedMessageError: for a kind that a work notification can't carry.
    """
    kind, fields = encoder_of(message, _ENCODERS, _CHANNEL)(message, media)
    return {"msgtype": kind, kind: fields}


def _text(message: Text, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    return "text", {"content": message.content}


def _markdown(message: Markdown, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    _refuse_characters("Markdown.title", message.title, _MAX_TITLE)
    return "markdown", {"title": message.title, "text": message.text}


def _link(message: Link, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    if message.pic_url is None:
        # A link must have an image. An OA message is also a card with a title and a text that opens one page.
        return _oa(OA(message.title, message.message_url, content=message.text), None)
    if not is_media_id(message.pic_url):
        raise UnsupportedMessageError(
            f"{_CHANNEL}'s Link can't show an image by its URL, only one that was uploaded to DingTalk.",
            "Leave pic_url out, or pass a media id. 链接消息的图片只接受 media_id：请去掉 pic_url 或改传 media_id。",
        )
    return "link", {
        "messageUrl": message.message_url,
        "picUrl": message.pic_url,
        "title": message.title,
        "text": message.text,
    }


def _action_card(message: ActionCard, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    _refuse_characters("ActionCard.title", message.title, _MAX_TITLE)
    card: dict[str, Any] = {"title": message.title, "markdown": message.text}
    alone = len(message.buttons) == 1
    for button in message.buttons:
        _refuse_characters("Button.title", button.title, _MAX_BUTTON_TITLE)
        _refuse_characters("Button.url", button.url, _MAX_SINGLE_URL if alone else _MAX_BUTTON_URL)
    if alone:
        card.update(single_title=message.buttons[0].title, single_url=message.buttons[0].url)
        return "action_card", card
    buttons = [{"title": each.title, "action_url": each.url} for each in message.buttons]
    if len(wire_json({"": buttons})) - len('{"":}') > _MAX_BUTTONS:
        raise MessageTooLongError(
            f"The buttons of this ActionCard have more than the {_MAX_BUTTONS} characters of a work notification.",
            "Use fewer buttons or shorter URLs. 请减少按钮或缩短链接。",
        )
    card.update(btn_orientation="1" if message.horizontal else "0", btn_json_list=buttons)
    return "action_card", card


def _image(message: Image, media: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    if is_url(message.source):
        # An image message accepts uploaded images only, Markdown any that the reader's DingTalk can load.
        return _markdown(message.as_markdown(), None)
    return "image", {"media_id": uploaded(media, "Image.source", message.source, kind="image")}


def _voice(message: Audio, media: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    seconds = math.ceil(message.duration_seconds)
    if seconds >= _MAX_VOICE_SECONDS:
        raise UnsupportedMessageError(
            f"{_CHANNEL}'s Audio must be shorter than {_MAX_VOICE_SECONDS} seconds, not {message.duration_seconds:g}.",
            "Shorten it, or send it through the app's robot, with to=Users(…). 请剪短，或改用 to=Users(…)。",
        )
    # A string, unlike all other numbers here.
    media_id = uploaded(media, "Audio.source", message.source, kind="voice")
    return "voice", {"media_id": media_id, "duration": str(seconds)}


def _file(message: File, media: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    media_id = uploaded(
        media, "File.source", message.source, kind="file", name=file_name(message), at_most_bytes=_MAX_FILE_BYTES
    )
    return "file", {"media_id": media_id}


def _oa(message: OA, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"title": message.title}
    if message.form:
        body["form"] = [{"key": key, "value": value} for key, value in message.rows]
    if message.content:
        body["content"] = message.content
    if message.author:
        body["author"] = message.author
    form: dict[str, Any] = {"message_url": message.message_url, "head": _HEAD, "body": body}
    if message.status:
        form["status_bar"] = {"status_value": message.status if isinstance(message.status, str) else message.status[0]}
        if message.status_color:
            # With 0x and opaque here, without either in the head.
            form["status_bar"]["status_bg"] = f"0xFF{message.status_color[1:].upper()}"
    return "oa", form


_ENCODERS: dict[type, Encoder] = {
    Text: _text,
    Markdown: _markdown,
    Link: _link,
    ActionCard: _action_card,
    Image: _image,
    Audio: _voice,
    File: _file,
    OA: _oa,
}


def _is_long(message: Message) -> bool:
    return hasattr(message, "long_text") and _size(message) > MAX_MESSAGE_BYTES


def _size(message: Message) -> int:
    return len(wire_json(encoded(message, None)).encode())


def _refuse_long(message: Message) -> None:
    if _is_long(message):
        raise MessageTooLongError(
            f"This {type(message).__name__} has {_size(message):,} bytes; a work notification accepts at most "
            f"{MAX_MESSAGE_BYTES:,}, which is about 600 Chinese characters.",
            "Shorten it, put the details on a page and send a link to it, or send it through the app's robot, with "
            "to=Users(…), which accepts 15,000. 工作通知最多 2,048 字节：请缩短，或改用 to=Users(…)。",
        )


def _refuse_characters(where: str, value: str, most: int) -> None:
    if len(value) > most:
        raise MessageTooLongError(
            f"{where} has {len(value)} characters; the limit of work notifications is {most}.", "Shorten it. 请缩短。"
        )


def _refuse_status_bar(message: Message, target: WorkNotification) -> None:
    if not isinstance(message, OA) or not message.status:
        return
    if target.everyone or target.department_ids or len(target.user_ids) > _MAX_PEOPLE_WITH_STATUS:
        raise UnsupportedMessageError(
            f"{_CHANNEL} with a status bar (OA.status) can go to at most {_MAX_PEOPLE_WITH_STATUS} people, and not to "
            "departments or everyone.",
            "Leave status out, or name at most five people. 带状态栏时最多发给 5 人：请去掉 status 或减少接收人。",
        )
