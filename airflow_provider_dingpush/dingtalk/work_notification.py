"""Work notices (工作通知) of an enterprise app: what they can say, to whom, and what became of that.

Facts from DingTalk's docs 0769 to 0773 and 0775, read 2026-08-22. DingTalk takes a notice at once and delivers it
later, and says only when it is asked whom it didn't reach. The same content reaches a person once a day, which makes it
safe to say it again when no answer came.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import code, number, objects, text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import (
    file_name,
    named,
    pieces,
    refused,
    uploaded,
    wire_json,
)
from airflow_provider_dingpush.dingtalk.media import MediaCheck, MediaLibrary
from airflow_provider_dingpush.errors import (
    ConnectionSettingsError,
    DingTalkError,
    InvalidMessageError,
    MessageTooLongError,
    TargetError,
    UnsupportedMessageError,
)
from airflow_provider_dingpush.messages.app_kinds import OA, Audio, File, Image, Message, Video
from airflow_provider_dingpush.messages.field_rules import is_media_id
from airflow_provider_dingpush.messages.kinds import ActionCard, FeedCard, Link, Markdown, Text
from airflow_provider_dingpush.messages.line_breaks import with_line_breaks
from airflow_provider_dingpush.messages.media_source import is_url
from airflow_provider_dingpush.messages.plain_forms import check_rendered

MAX_MESSAGE_BYTES = 2_048
PEOPLE_PER_CALL = 100
DEPARTMENTS_PER_CALL = 20
_MAX_FILE_BYTES = 10 * 1024 * 1024
_MAX_VOICE_SECONDS = 60
_MAX_PEOPLE_WITH_STATUS = 5
# In characters; docs 0775, and 34016 of the table of codes.
_MAX_TITLE, _MAX_BUTTON_TITLE, _MAX_SINGLE_URL, _MAX_BUTTON_URL, _MAX_BUTTONS = 64, 20, 500, 700, 1000
_HEAD = {"bgcolor": "FFBBBBBB", "text": "Airflow"}  # demanded, and always replaced by the app's own name
_DOOR = "A work notice"
_PATH = "/topapi/message/corpconversation"
_DONE = 2

_TOO_MANY_A_MINUTE = "too many recipients within a minute 每分钟发送人数超限"
_TOO_MANY_A_DAY = "this person's daily number of notices is used up 该员工当日接收数已达上限"
_SAME_CONTENT = (
    "the same content was sent to this person today already, perhaps by an earlier try 当日已向该员工发送过相同内容"
)
_SAME_CONTENT_CODES = ("143106", "143206")
_FORBIDDEN = {
    "143103": _TOO_MANY_A_MINUTE,
    "143104": _TOO_MANY_A_MINUTE,
    "143203": _TOO_MANY_A_MINUTE,
    "143204": _TOO_MANY_A_MINUTE,
    "143105": _TOO_MANY_A_DAY,
    "143205": _TOO_MANY_A_DAY,
    **dict.fromkeys(_SAME_CONTENT_CODES, _SAME_CONTENT),
    "1430000": "there are no recipients 没有接收人",
    "1430001": "DingTalk doesn't know the kind of app 应用授权类型无法识别",
    "1430002": "the content is prohibited 内容违规",
    "1430003": "DingTalk's protection stepped in; try later 触发系统保护，请稍后再试",
    "1430004": "the recipient is an executive whom only some may write to 接收人开启了高管模式",
}


@dataclass(frozen=True)
class Progress:
    """How far DingTalk is with delivering a notice.

    :param percent: 0 to 100.
    :param done: whether nothing more will happen.
    """

    percent: int
    done: bool


@dataclass(frozen=True)
class Delivery:
    """Whom a notice reached and whom not, once it is delivered.

    :param invalid_user_ids: people that DingTalk doesn't know, or who may not see the app.
    :param forbidden: user id -> why DingTalk kept the notice from them, in English and Chinese.
    :param failed_user_ids: people at whom it failed for another reason.
    :param read_user_ids: people who have read it.
    :param unread_user_ids: people who have it and haven't read it.
    :param invalid_department_ids: departments that DingTalk doesn't know, or that may not see the app.
    """

    invalid_user_ids: tuple[str, ...] = ()
    forbidden: Mapping[str, str] = field(default_factory=dict)
    failed_user_ids: tuple[str, ...] = ()
    read_user_ids: tuple[str, ...] = ()
    unread_user_ids: tuple[str, ...] = ()
    invalid_department_ids: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Whom it didn't reach and why, in a sentence each; none if it reached everybody."""
        by_reason: dict[str, list[str]] = {}
        for user, reason in self.forbidden.items():
            by_reason.setdefault(reason, []).append(user)
        # Whoever was kept out for a reason stands among the failed ones as well.
        failed = [each for each in self.failed_user_ids if each not in self.forbidden]
        kinds = {
            "unknown, or out of the app's visible scope 无此员工或不在应用可见范围": self.invalid_user_ids,
            **by_reason,
            "DingTalk gives no reason 钉钉未说明原因": failed,
        }
        told = [f"{named(users)}: {reason}." for reason, users in kinds.items() if users]
        if self.invalid_department_ids:
            told.append(f"Departments {named(self.invalid_department_ids)}: unknown or out of scope 部门无效.")
        return tuple(told)


class WorkNotices:
    """Sends work notices of one app.

    :param calls: the way to DingTalk.
    :param media: uploads pictures and files; without it a message can hold only what is in DingTalk already.
    :param agent_id: the app's AgentId.
    :param people_per_call: to how many people one call sends.
    :param departments_per_call: to how many departments one call sends.
    :raises ConnectionSettingsError: if the AgentId is missing or no number.
    """

    def __init__(
        self,
        calls: AppCalls,
        media: MediaLibrary | None,
        agent_id: str | int | None,
        *,
        people_per_call: int = PEOPLE_PER_CALL,
        departments_per_call: int = DEPARTMENTS_PER_CALL,
    ) -> None:
        if agent_id is None or not str(agent_id).strip().isdecimal():
            raise ConnectionSettingsError(
                "A work notice needs the app's AgentId, and the connection has none."
                if not agent_id
                else "The connection's 'agent_id' is no number.",
                "Copy the AgentId from the app's page in DingTalk's developer console into the extra field 'agent_id'. "
                "请在开发者后台的应用详情页复制 AgentId，填入连接的 agent_id 字段。",
            )
        self._calls = calls
        self._media = media
        self._agent_id = int(agent_id)
        self._people_per_call = people_per_call
        self._departments_per_call = departments_per_call

    def send(
        self,
        message: Message,
        *,
        user_ids: Sequence[str] = (),
        department_ids: Sequence[str | int] = (),
        everyone: bool = False,
    ) -> tuple[str, ...]:
        """Hand the message over and return the task ids under which DingTalk delivers it, one for each call.

        :raises MessageTooLongError: if it takes more than 2,048 bytes; notices aren't split, each would ring again.
        :raises DingTalkError: typed by what else went wrong; see :mod:`airflow_provider_dingpush.errors`.
        """
        check_rendered(message)
        recipients = self._recipients(user_ids, department_ids, everyone)
        _refuse_status_bar(message, user_ids, department_ids, everyone)
        broken = with_line_breaks(message)
        # A notice isn't split: one that is too long only for its line breaks is better sent without them.
        message = message if _is_long(broken) else broken
        _refuse_long(message)
        return self._hand_over(encoded(message, self._media), recipients)

    def send_cut(
        self,
        message: Message,
        *,
        user_ids: Sequence[str] = (),
        department_ids: Sequence[str | int] = (),
        everyone: bool = False,
        language: str,
    ) -> tuple[str, ...]:
        """The same, the message cut with a note if it is too long; for alerts.

        :param language: ``zh`` or ``en``, of the note.
        :raises DingTalkError: typed by what went wrong.
        """
        recipients = self._recipients(user_ids, department_ids, everyone)
        message = _fitted(message, user_ids, department_ids, everyone, language)
        return self._hand_over(encoded(message, self._media), recipients)

    def progress(self, task_id: str) -> Progress:
        """How far DingTalk is with a notice; it tells for a day.

        :raises DingTalkError: typed by what went wrong.
        """
        answer = self._ask("getsendprogress", task_id=_number(task_id), expects="progress")
        percent = min(100.0, max(0.0, number(answer.get("progress_in_percent"), 0.0)))
        return Progress(int(percent), text(answer.get("status")) == str(_DONE))

    def result(self, task_id: str, *, resent: bool = False) -> Delivery:
        """Whom a notice reached; DingTalk tells for a day, and of at most 100 recipients.

        :param resent: an earlier try of it may have arrived: who got the same content today already has got it.
        :raises DingTalkError: typed by what went wrong.
        """
        answer = self._ask("getsendresult", task_id=_number(task_id), expects="send_result")

        def ids(name: str) -> tuple[str, ...]:
            return texts(answer.get(name))

        forbidden = dict.fromkeys(ids("forbidden_user_id_list"), "DingTalk gives no reason 钉钉未说明原因")
        reached: set[str] = set()
        for each in objects(answer.get("forbidden_list")):
            if user_id := text(each.get("userid")):
                why = code(each.get("code"))
                if resent and why in _SAME_CONTENT_CODES:
                    reached.add(user_id)
                forbidden[user_id] = f"{_FORBIDDEN.get(why, 'kept back by DingTalk 被钉钉拦截')} ({why})"
        return Delivery(
            ids("invalid_user_id_list"),
            {user: reason for user, reason in forbidden.items() if user not in reached},
            tuple(user for user in ids("failed_user_id_list") if user not in reached),
            ids("read_user_id_list"),
            ids("unread_user_id_list"),
            ids("invalid_dept_id_list"),
        )

    def recall(self, task_id: str) -> None:
        """Take a notice back, which works for a day.

        :raises DingTalkError: typed by what went wrong.
        """
        # Here, and only here, the field has another name.
        self._calls.oapi(
            f"{_PATH}/recall", body={"agent_id": self._agent_id, "msg_task_id": _number(task_id)}, repeatable=True
        )

    def _recipients(
        self, user_ids: Sequence[str], department_ids: Sequence[str | int], everyone: bool
    ) -> list[dict[str, Any]]:
        """What each call says about whom it is for."""
        if everyone:
            return [{"to_all_user": True}]
        people = list(pieces(list(dict.fromkeys(map(str, user_ids))), self._people_per_call))
        departments = list(pieces(list(dict.fromkeys(map(str, department_ids))), self._departments_per_call))
        if not people and not departments:
            raise TargetError("The work notice names nobody.", "Give it user_ids, department_ids or everyone=True.")
        # One call takes both lists, and whoever stands in two of them gets the notice once.
        calls: list[dict[str, Any]] = [{} for _ in range(max(len(people), len(departments)))]
        for place, some in enumerate(people):
            calls[place]["userid_list"] = ",".join(some)
        for place, some in enumerate(departments):
            calls[place]["dept_id_list"] = ",".join(some)
        return calls

    def _hand_over(self, msg: Mapping[str, Any], recipients: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        tasks: list[str] = []
        for place, some in enumerate(recipients):
            try:
                answer = self._calls.oapi(
                    f"{_PATH}/asyncsend_v2",
                    body={"agent_id": self._agent_id, **some, "msg": msg},
                    repeatable=True,
                    expects=("task_id",),
                )
            except DingTalkError as error:
                if place:
                    error.problem = (
                        f"Call {place + 1} of {len(recipients)} failed, those before it were taken "
                        f"(task_id {','.join(tasks)}): {error.problem}"
                    )
                raise
            tasks.append(text(answer["task_id"]))
        return tuple(tasks)

    def _ask(self, what: str, *, task_id: int, expects: str) -> dict[str, Any]:
        body = {"agent_id": self._agent_id, "task_id": task_id}
        answer = self._calls.oapi(f"{_PATH}/{what}", body=body, repeatable=True, expects=(expects,))
        found = answer[expects]
        return dict(found) if isinstance(found, Mapping) else {}


def prepared(
    message: Message,
    *,
    user_ids: Sequence[str] = (),
    department_ids: Sequence[str | int] = (),
    everyone: bool = False,
    language: str,
) -> Message:
    """A message that a work notice to these people can carry, cut with a note if it is too long; nothing is sent.

    :param language: ``zh`` or ``en``, of the note.
    :raises ContentError: if a work notice can't carry it, or what would be uploaded can't be.
    """
    message = _fitted(message, user_ids, department_ids, everyone, language)
    encoded(message, MediaCheck())
    return message


def _fitted(
    message: Message, user_ids: Sequence[str], department_ids: Sequence[str | int], everyone: bool, language: str
) -> Message:
    check_rendered(message)
    if isinstance(message, (Markdown, ActionCard)) and len(message.title) > _MAX_TITLE:
        message = replace(message, title=f"{message.title[: _MAX_TITLE - 1]}…")
    _refuse_status_bar(message, user_ids, department_ids, everyone)
    message = with_line_breaks(message)
    if not _is_long(message):
        return message
    from airflow_provider_dingpush.messages.fitting import cut_to_size

    return cut_to_size(message, MAX_MESSAGE_BYTES, size_of=_size, language=language)


def encoded(message: Message, media: MediaLibrary | None) -> dict[str, Any]:
    """The ``msg`` object of a request.

    :param media: uploads what isn't in DingTalk yet.
    :raises UnsupportedMessageError: for a kind that a work notice can't carry.
    """
    encode = _ENCODERS.get(type(message))
    if encode is None:
        remedy = (
            "Send it through the app's robot, with to=Users(…) or to=Group(…). "
            "请通过应用机器人发送：to=Users(…) 或 to=Group(…)。"
            if isinstance(message, Video)
            else "Send it through a group's custom robot, a connection of type 'dingtalk_robot'. "
            "请通过群自定义机器人（dingtalk_robot 连接）发送。"
            if isinstance(message, FeedCard)
            else ""
        )
        raise refused(message, _DOOR, remedy)
    kind, fields = encode(message, media)
    return {"msgtype": kind, kind: fields}


def _text(message: Text, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    return "text", {"content": message.content}


def _markdown(message: Markdown, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    _refuse_characters("Markdown.title", message.title, _MAX_TITLE)
    return "markdown", {"title": message.title, "text": message.text}


def _link(message: Link, _: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    if message.pic_url is None:
        # A link must have a picture. An OA message is a card with a title and a text that opens one page, too.
        return _oa(OA(message.title, message.message_url, content=message.text), None)
    if not is_media_id(message.pic_url):
        raise UnsupportedMessageError(
            f"{_DOOR}'s Link can't show a picture of a URL, only one that was uploaded to DingTalk.",
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
            f"The buttons of this ActionCard take more than the {_MAX_BUTTONS} characters of a work notice.",
            "Use fewer buttons or shorter URLs. 请减少按钮或缩短链接。",
        )
    card.update(btn_orientation="1" if message.horizontal else "0", btn_json_list=buttons)
    return "action_card", card


def _image(message: Image, media: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    if is_url(message.source):
        # An image message takes uploaded pictures only, Markdown any that the reader's DingTalk can load.
        return _markdown(message.as_markdown(), None)
    return "image", {"media_id": uploaded(media, "Image.source", message.source, kind="image")}


def _voice(message: Audio, media: MediaLibrary | None) -> tuple[str, dict[str, Any]]:
    seconds = math.ceil(message.duration_seconds)
    if seconds >= _MAX_VOICE_SECONDS:
        raise UnsupportedMessageError(
            f"{_DOOR}'s Audio must be shorter than {_MAX_VOICE_SECONDS} seconds, not {message.duration_seconds:g}.",
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


_ENCODERS: dict[type, Callable[[Any, MediaLibrary | None], tuple[str, dict[str, Any]]]] = {
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
    return isinstance(message, (Text, Markdown, Link, ActionCard, OA)) and _size(message) > MAX_MESSAGE_BYTES


def _size(message: Message) -> int:
    return len(wire_json(encoded(message, None)).encode())


def _refuse_long(message: Message) -> None:
    if _is_long(message):
        raise MessageTooLongError(
            f"This {type(message).__name__} takes {_size(message):,} bytes; a work notice takes at most "
            f"{MAX_MESSAGE_BYTES:,}, which is about 600 Chinese characters.",
            "Shorten it, put the details on a page and send a link to it, or send it through the app's robot, with "
            "to=Users(…), which takes 15,000. 工作通知最多 2,048 字节：请缩短，或改用 to=Users(…)。",
        )


def _refuse_characters(where: str, value: str, most: int) -> None:
    if len(value) > most:
        raise MessageTooLongError(
            f"{where} has {len(value)} characters; a work notice takes at most {most}.", "Shorten it. 请缩短。"
        )


def _refuse_status_bar(
    message: Message, user_ids: Sequence[str], department_ids: Sequence[str | int], everyone: bool
) -> None:
    if not isinstance(message, OA) or not message.status:
        return
    if everyone or department_ids or len(set(user_ids)) > _MAX_PEOPLE_WITH_STATUS:
        raise UnsupportedMessageError(
            f"{_DOOR} with a status bar (OA.status) can go to at most {_MAX_PEOPLE_WITH_STATUS} people, and not to "
            "departments or everyone.",
            "Leave status out, or name at most five people. 带状态栏时最多发给 5 人：请去掉 status 或减少接收人。",
        )


def _number(task_id: str) -> int:
    if not str(task_id).strip().isdecimal():
        raise InvalidMessageError("A task_id of a work notice must be a number.", "Take it from the receipt.")
    return int(task_id)
