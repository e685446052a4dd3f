"""Every message in the one form that the chat page draws: that of webhooks, and of a few kinds that they don't have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .media import Medium

_FIRST_FORM_ROWS = 6
_DEFAULT_STATUS_COLOR = "#78C06E"


class Media:
    """Finds the media that a message names by id."""

    def __init__(self, find: Callable[[str], Medium | None]) -> None:
        self.find = find

    def url_of(self, address: str) -> str:
        """Return the path under which the chat page finds a medium; URLs are left as they are."""
        medium = self.find(address)
        return address if medium is None else medium.path

    def in_markdown(self, text: str) -> str:
        """Return markdown with the pictures that are named by media id, which works as developers report."""
        return re.sub(r"(!\[[^\]]*\]\()([@$][^)\s]+)\)", lambda found: f"{found[1]}{self.url_of(found[2])})", text)


def of_robot_message(msg_key: str, param: dict[str, Any], media: Media) -> dict[str, Any]:
    """Return the display form of a valid ``msgKey`` and its ``msgParam``, DingTalk docs 0699 (read 2026-08-22)."""
    if msg_key.startswith("sampleActionCard"):
        return _robot_card(msg_key, param, media)
    return _ROBOT_FORMS[msg_key](param, media)


def of_notice(msg: dict[str, Any], media: Media) -> dict[str, Any]:
    """Return the display form of a valid work notice, DingTalk docs 0775 (read 2026-08-22)."""
    return _NOTICE_FORMS[msg["msgtype"]](msg[msg["msgtype"]], media)


def status_of(value: str, background: str) -> dict[str, str]:
    """Return the display form of an OA message's status; the background is ARGB with ``0x``."""
    return {"value": value, "color": f"#{background[-6:].upper()}" if background else _DEFAULT_STATUS_COLOR}


def _text(content: dict[str, Any], media: Media) -> dict[str, Any]:  # noqa: ARG001 - the others need it
    return {"msgtype": "text", "text": {"content": content["content"]}}


def _markdown(content: dict[str, Any], media: Media) -> dict[str, Any]:
    markdown = {"title": content["title"], "text": media.in_markdown(content["text"])}
    return {"msgtype": "markdown", "markdown": markdown}


def _link(content: dict[str, Any], media: Media) -> dict[str, Any]:
    link = {name: content[name] for name in ("title", "text", "messageUrl")}
    if content.get("picUrl"):
        link["picUrl"] = media.url_of(content["picUrl"])
    return {"msgtype": "link", "link": link}


def _image(media_id: str, media: Media) -> dict[str, Any]:
    return {"msgtype": "image", "image": {"url": media.url_of(media_id)}}


def _audio(media_id: str, seconds: float, media: Media) -> dict[str, Any]:
    return {"msgtype": "audio", "audio": {"url": media.url_of(media_id), "seconds": seconds}}


def _file(media_id: str, name: str | None, media: Media) -> dict[str, Any]:
    medium = media.find(media_id)
    known = (medium.name, medium.size) if medium is not None else ("", 0)
    return {"msgtype": "file", "file": {"url": media.url_of(media_id), "name": name or known[0], "bytes": known[1]}}


def _video(param: dict[str, Any], media: Media) -> dict[str, Any]:
    video = {
        "url": media.url_of(param["videoMediaId"]),
        "coverUrl": media.url_of(param["picMediaId"]),
        "seconds": int(param["duration"]),
    }
    return {"msgtype": "video", "video": video}


def _robot_card(msg_key: str, param: dict[str, Any], media: Media) -> dict[str, Any]:
    card: dict[str, Any] = {"title": param["title"], "text": media.in_markdown(param["text"])}
    if msg_key == "sampleActionCard":
        card |= {"singleTitle": param["singleTitle"], "singleURL": param["singleURL"]}
    else:
        is_horizontal = msg_key == "sampleActionCard6"
        title, url = ("buttonTitle", "buttonUrl") if is_horizontal else ("actionTitle", "actionURL")
        count = 2 if is_horizontal else int(msg_key[-1])
        card["btnOrientation"] = "1" if is_horizontal else "0"
        card["btns"] = [
            {"title": param[f"{title}{number}"], "actionURL": param[f"{url}{number}"]} for number in range(1, count + 1)
        ]
    return {"msgtype": "actionCard", "actionCard": card}


def _notice_card(content: dict[str, Any], media: Media) -> dict[str, Any]:
    card: dict[str, Any] = {"title": content.get("title") or "", "text": media.in_markdown(content["markdown"])}
    if content.get("single_title"):
        card |= {"singleTitle": content["single_title"], "singleURL": content["single_url"]}
    else:
        card["btnOrientation"] = content["btn_orientation"]
        card["btns"] = [
            {"title": button["title"], "actionURL": button["action_url"]} for button in content["btn_json_list"]
        ]
    return {"msgtype": "actionCard", "actionCard": card}


def _oa(content: dict[str, Any], media: Media) -> dict[str, Any]:
    body = content["body"]
    status = content.get("status_bar")
    form = [{"key": row.get("key") or "", "value": row.get("value") or ""} for row in body.get("form") or []]
    oa = {
        "title": body.get("title") or "",
        "messageUrl": content["message_url"],
        # DingTalk hides the others.
        "form": form[:_FIRST_FORM_ROWS],
        "content": body.get("content") or None,
        "author": body.get("author") or None,
        "status": status_of(status["status_value"], status.get("status_bg") or "") if status else None,
        "image": media.url_of(body["image"]) if body.get("image") else None,
    }
    return {"msgtype": "oa", "oa": oa}


_Form = Callable[[dict[str, Any], Media], dict[str, Any]]

_ROBOT_FORMS: dict[str, _Form] = {
    "sampleText": _text,
    "sampleMarkdown": _markdown,
    "sampleImageMsg": lambda param, media: _image(param["photoURL"], media),
    "sampleLink": _link,
    "sampleAudio": lambda param, media: _audio(param["mediaId"], int(param["duration"]) / 1000, media),
    "sampleFile": lambda param, media: _file(param["mediaId"], param["fileName"], media),
    "sampleVideo": _video,
}
_NOTICE_FORMS: dict[str, _Form] = {
    "text": _text,
    "image": lambda content, media: _image(content["media_id"], media),
    "voice": lambda content, media: _audio(content["media_id"], int(content["duration"]), media),
    "file": lambda content, media: _file(content["media_id"], None, media),
    "link": _link,
    "markdown": _markdown,
    "action_card": _notice_card,
    "oa": _oa,
}
