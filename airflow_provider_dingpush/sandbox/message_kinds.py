"""The kinds of message: which channels carry each, how they validate its fields, and how the chat page displays it.

A new kind is one entry in `KINDS`. Its display form is one of those that the page draws (``page/bubbles.js``): the
form of webhooks, and of a few kinds that webhooks don't have.

Facts: DingTalk docs 0699 and 0717 (webhooks and app robots), 0775 and 0013 (work notifications), read 2026-08-22.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.sandbox.field_rules import (
    Fields,
    Media,
    Rules,
    at_most,
    each,
    either,
    matching,
    medium,
    optional_text,
    part,
    picture,
    text,
)
from airflow_provider_dingpush.sandbox.oapi_dialect import refusal
from airflow_provider_dingpush.sandbox.sheet_preview import preview_of

Content = dict[str, Any]
Show = Callable[[Content, Media], Content]

MAX_FILE_BYTES = 10 * 1024 * 1024
_TITLE_AND_TEXT: Rules = {"title": text, "text": text}
_SINGLE_BUTTON: Rules = {"singleTitle": text, "singleURL": text}
_POSITIVE = r"[1-9]\d{0,8}"
_MAX_FORM_ROWS = 6
_DEFAULT_STATUS_COLOR = "#78C06E"

STATUS_RULES: Rules = {"status_value": text, "status_bg": matching(r"0x[0-9A-Fa-f]{8}", required=False)}
"""The rules for the status of an OA message."""


@dataclass(frozen=True)
class WebhookForm:
    """A kind as custom robots take it.

    :param visible: returns the texts that a reader sees, in which keywords are searched.
    :param show: returns the display form of valid fields; None: the payload is one.
    """

    rules: Rules
    visible: Callable[[Content], list[str]]
    show: Show | None = None


@dataclass(frozen=True)
class AppForm:
    """A kind as an app's robot or work notifications take it.

    :param show: returns the display form of valid fields.
    """

    rules: Rules
    show: Show


@dataclass(frozen=True, kw_only=True)
class MessageKind:
    """One kind of message, by the names that it has in each channel: msgtype, msgKey, msgtype."""

    webhook: dict[str, WebhookForm] = field(default_factory=dict)
    app_robot: dict[str, AppForm] = field(default_factory=dict)
    notification: dict[str, AppForm] = field(default_factory=dict)


def status_of(value: str, background: str) -> dict[str, str]:
    """Return the display form of an OA message's status; the background is ARGB with ``0x``."""
    return {"value": value, "color": f"#{background[-6:].upper()}" if background else _DEFAULT_STATUS_COLOR}


def _show_text(content: Content, media: Media) -> Content:  # noqa: ARG001 - the others need it
    return {"msgtype": "text", "text": {"content": content["content"]}}


def _show_markdown(content: Content, media: Media) -> Content:
    return {"msgtype": "markdown", "markdown": {"title": content["title"], "text": media.in_markdown(content["text"])}}


def _show_link(content: Content, media: Media) -> Content:
    link = {name: content[name] for name in ("title", "text", "messageUrl")}
    if content.get("picUrl"):
        link["picUrl"] = media.url_of(content["picUrl"])
    return {"msgtype": "link", "link": link}


def _show_image(name: str) -> Show:
    return lambda content, media: {"msgtype": "image", "image": {"url": media.url_of(content[name])}}


def _show_audio(name: str, *, milliseconds: bool = False) -> Show:
    def show(content: Content, media: Media) -> Content:
        seconds = int(content["duration"]) / 1000 if milliseconds else int(content["duration"])
        return {"msgtype": "audio", "audio": {"url": media.url_of(content[name]), "seconds": seconds}}

    return show


def _show_file(name: str) -> Show:
    def show(content: Content, media: Media) -> Content:
        found = media.find(content[name])
        known = (found.name, found.size, found.content) if found is not None else ("", 0, b"")
        file = {"url": media.url_of(content[name]), "name": content.get("fileName") or known[0], "bytes": known[1]}
        preview = preview_of(known[0], known[2])
        return {"msgtype": "file", "file": file | ({"preview": preview} if preview else {})}

    return show


def _show_video(param: Content, media: Media) -> Content:
    video = {
        "url": media.url_of(param["videoMediaId"]),
        "coverUrl": media.url_of(param["picMediaId"]),
        "seconds": int(param["duration"]),
    }
    return {"msgtype": "video", "video": video}


def _show_card(title: str, markdown: str, buttons: Content, media: Media) -> Content:
    return {"msgtype": "actionCard", "actionCard": {"title": title, "text": media.in_markdown(markdown), **buttons}}


def _show_single_button_card(param: Content, media: Media) -> Content:
    button = {"singleTitle": param["singleTitle"], "singleURL": param["singleURL"]}
    return _show_card(param["title"], param["text"], button, media)


def _show_notification_card(content: Content, media: Media) -> Content:
    if content.get("single_title"):
        buttons = {"singleTitle": content["single_title"], "singleURL": content["single_url"]}
    else:
        buttons = {
            "btnOrientation": content["btn_orientation"],
            "btns": [{"title": one["title"], "actionURL": one["action_url"]} for one in content["btn_json_list"]],
        }
    return _show_card(content.get("title") or "", content["markdown"], buttons, media)


def _robot_card(title: str, url: str, count: int, *, horizontal: bool = False) -> AppForm:
    """Return a card with ``count`` buttons whose fields are called ``title`` and ``url`` with a number from 1."""
    names = [(f"{title}{number}", f"{url}{number}") for number in range(1, count + 1)]

    def show(param: Content, media: Media) -> Content:
        buttons = [{"title": param[title_name], "actionURL": param[url_name]} for title_name, url_name in names]
        orientation = "1" if horizontal else "0"
        return _show_card(param["title"], param["text"], {"btnOrientation": orientation, "btns": buttons}, media)

    return AppForm({**_TITLE_AND_TEXT, **dict.fromkeys((name for pair in names for name in pair), text)}, show)


def _visible_on_card(content: Content) -> list[str]:
    buttons = [content["singleTitle"]] if content.get("singleTitle") else [one["title"] for one in content["btns"]]
    return [content["text"], *buttons]


def _check_notification_text(fields: Fields, name: str) -> None:
    if not fields.values.get(name):
        raise refusal(44004, "文本消息内容为空")
    fields.text(name)


def _show_oa(content: Content, media: Media) -> Content:
    body = content["body"]
    status = content.get("status_bar")
    form = [{"key": row.get("key") or "", "value": row.get("value") or ""} for row in body.get("form") or []]
    oa = {
        "title": body.get("title") or "",
        "messageUrl": content["message_url"],
        # DingTalk hides the others.
        "form": form[:_MAX_FORM_ROWS],
        "content": body.get("content") or None,
        "author": body.get("author") or None,
        "status": status_of(status["status_value"], status.get("status_bg") or "") if status else None,
        "image": media.url_of(body["image"]) if body.get("image") else None,
    }
    return {"msgtype": "oa", "oa": oa}


# Which fields an app robot requires is not said on page 0699; assumed: all of its samples, but the picture of a link.
# That its audio has to be amr follows from ogg and amr (there) and amr, mp3 and wav (uploads, 0646). Which fields of a
# webhook DingTalk searches for keywords is not documented; assumed: those drawn inside the message, hence not the title
# of markdown and actionCard, which is a preview only. Markdown counts as it is written.
KINDS = (
    MessageKind(
        webhook={"text": WebhookForm({"content": text}, visible=lambda content: [content["content"]])},
        app_robot={"sampleText": AppForm({"content": text}, _show_text)},
        notification={"text": AppForm({"content": _check_notification_text}, _show_text)},
    ),
    MessageKind(
        webhook={"markdown": WebhookForm(_TITLE_AND_TEXT, visible=lambda content: [content["text"]])},
        app_robot={"sampleMarkdown": AppForm(_TITLE_AND_TEXT, _show_markdown)},
        notification={"markdown": AppForm({"title": at_most(64), "text": at_most(5000)}, _show_markdown)},
    ),
    MessageKind(
        webhook={
            "link": WebhookForm(
                {**_TITLE_AND_TEXT, "messageUrl": text, "picUrl": optional_text},
                visible=lambda content: [content["title"], content["text"]],
            )
        },
        app_robot={
            "sampleLink": AppForm(
                {**_TITLE_AND_TEXT, "messageUrl": text, "picUrl": picture(required=False)}, _show_link
            )
        },
        notification={"link": AppForm({"messageUrl": text, **_TITLE_AND_TEXT, "picUrl": medium("image")}, _show_link)},
    ),
    MessageKind(
        webhook={
            "actionCard": WebhookForm(
                {
                    **_TITLE_AND_TEXT,
                    **dict.fromkeys(("btnOrientation", "hideAvatar"), matching("[01]", required=False)),
                    # One button wins: DingTalk ignores btns when it is given.
                    "buttons": either(_SINGLE_BUTTON, {"btns": each({"title": text, "actionURL": text})}),
                },
                visible=_visible_on_card,
            )
        },
        app_robot={
            "sampleActionCard": AppForm({**_TITLE_AND_TEXT, **_SINGLE_BUTTON}, _show_single_button_card),
            **{f"sampleActionCard{count}": _robot_card("actionTitle", "actionURL", count) for count in (2, 3, 4, 5)},
            "sampleActionCard6": _robot_card("buttonTitle", "buttonUrl", 2, horizontal=True),
        },
        notification={
            "action_card": AppForm(
                {
                    "title": at_most(64, required=False),
                    "markdown": at_most(5000),
                    "buttons": either(
                        {"single_title": at_most(20), "single_url": at_most(500)},
                        {
                            "btn_orientation": matching("[01]"),
                            "btn_json_list": each(
                                {"title": at_most(20), "action_url": at_most(700)}, most_characters=1000
                            ),
                        },
                    ),
                },
                _show_notification_card,
            )
        },
    ),
    MessageKind(
        webhook={
            "feedCard": WebhookForm(
                {"links": each(dict.fromkeys(("title", "messageURL", "picURL"), text))},
                visible=lambda content: [link["title"] for link in content["links"]],
            )
        }
    ),
    MessageKind(
        app_robot={"sampleImageMsg": AppForm({"photoURL": picture()}, _show_image("photoURL"))},
        notification={"image": AppForm({"media_id": medium("image")}, _show_image("media_id"))},
    ),
    MessageKind(
        app_robot={
            "sampleFile": AppForm(
                {"mediaId": medium("file"), "fileName": text, "fileType": matching("xlsx|pdf|zip|rar|doc|docx")},
                _show_file("mediaId"),
            )
        },
        notification={"file": AppForm({"media_id": medium("file", max_bytes=MAX_FILE_BYTES)}, _show_file("media_id"))},
    ),
    MessageKind(
        app_robot={
            "sampleAudio": AppForm(
                {"mediaId": medium("voice", "amr"), "duration": matching(_POSITIVE)},
                _show_audio("mediaId", milliseconds=True),
            )
        },
        notification={
            "voice": AppForm(
                {"media_id": medium("voice"), "duration": matching(r"[1-9]|[1-5]\d")}, _show_audio("media_id")
            )
        },
    ),
    MessageKind(
        app_robot={
            "sampleVideo": AppForm(
                {
                    "duration": matching(_POSITIVE),
                    "videoMediaId": medium("video"),
                    "videoType": matching("mp4"),
                    "picMediaId": medium("image"),
                    **dict.fromkeys(("height", "width"), matching(_POSITIVE, required=False)),
                },
                _show_video,
            )
        }
    ),
    MessageKind(
        notification={
            "oa": AppForm(
                {
                    "message_url": text,
                    "pc_message_url": optional_text,
                    "head": part({"bgcolor": matching("[0-9A-Fa-f]{8}"), "text": text}),
                    "status_bar": part(STATUS_RULES, required=False),
                    "body": part(
                        {
                            **dict.fromkeys(("title", "content", "author", "file_count"), optional_text),
                            "form": each({"key": optional_text, "value": optional_text}, required=False),
                            "rich": part({"num": optional_text, "unit": optional_text}, required=False),
                            "image": medium("image", required=False),
                        }
                    ),
                },
                _show_oa,
            )
        }
    ),
)

WEBHOOK_FORMS = {name: form for kind in KINDS for name, form in kind.webhook.items()}
APP_ROBOT_FORMS = {name: form for kind in KINDS for name, form in kind.app_robot.items()}
NOTIFICATION_FORMS = {name: form for kind in KINDS for name, form in kind.notification.items()}
