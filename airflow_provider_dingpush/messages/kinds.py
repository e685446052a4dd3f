"""The kinds of message that a custom robot can carry; an enterprise app has more, see ``app_kinds``.

Each is a frozen value that is valid once it exists, and its class defines everything about its kind: its fields and
their rules, its shape as plain data, its long text, and its form as Markdown. Field names and rules follow DingTalk's
documentation of custom robots (docs 0699 and 0717, read 2026-08-22). ``to_dict()`` returns DingTalk's shape, and a dict
of that shape is accepted wherever a message is. ``if_unsupported`` names, in English and Chinese, the channel that
carries a kind which another channel refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from airflow_provider_dingpush.messages.field_rules import (
    apply_rules,
    flag,
    image_url,
    one_or_more,
    optional,
    ruled,
    short_repr,
    text,
    to_shape,
    url,
    value_of,
)

__all__ = ["ActionCard", "Button", "FeedCard", "FeedLink", "Link", "Markdown", "Text"]


class LongText(NamedTuple):
    """The text of a kind of message that may be long, and is cut where a channel can't carry all of it.

    :ivar field: the name of its field.
    :ivar markdown: whether it is Markdown.
    :ivar splits: whether a long one can be split into several messages.
    """

    field: str
    markdown: bool = False
    splits: bool = False


def long_text_of(message: Any) -> str:
    """The long text of a message; empty if it has none."""
    kind: LongText | None = getattr(message, "long_text", None)
    return getattr(message, kind.field) or "" if kind else ""


def is_markdown(message: Any) -> bool:
    """Whether the long text of a message is Markdown."""
    kind: LongText | None = getattr(message, "long_text", None)
    return kind is not None and kind.markdown


def _markdown_link(words: str, url: str) -> str:
    # An unpaired bracket would end the link too early.
    return f"[{words}]({url.replace('(', '%28').replace(')', '%29')})"


@dataclass(frozen=True, repr=False)
class Text:
    """Plain text; a newline breaks the line.

    :param content: the text.
    :raises InvalidMessageError: if the content is empty, not text, or not valid Unicode.
    """

    msgtype: ClassVar = "text"
    names: ClassVar = {"content": "content"}
    long_text: ClassVar = LongText("content", splits=True)

    content: str = field(metadata=ruled(text))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of this message."""
        return {"msgtype": self.msgtype, self.msgtype: to_shape(self)}

    def in_words(self, escape: Callable[[str], str]) -> str:
        """The message as Markdown."""
        return "\n\n".join(escape(line) for line in self.content.splitlines() if line.strip())


@dataclass(frozen=True, repr=False)
class Markdown:
    """Markdown in DingTalk's subset: headings, quotes, bold, italic, links, images, lists.

    :param title: shown in the conversation list and in the push notification, not inside the message.
    :param text: the Markdown. A single newline in a paragraph breaks the line, which DingTalk itself does not do.
    :raises InvalidMessageError: if either is empty, not text, or not valid Unicode.
    """

    msgtype: ClassVar = "markdown"
    names: ClassVar = {"title": "title", "text": "text"}
    long_text: ClassVar = LongText("text", markdown=True, splits=True)

    title: str = field(metadata=ruled(text))
    text: str = field(metadata=ruled(text))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of this message."""
        return {"msgtype": self.msgtype, self.msgtype: to_shape(self)}

    def in_words(self, escape: Callable[[str], str]) -> str:  # noqa: ARG002 - as other kinds
        """The message as Markdown."""
        return self.text


@dataclass(frozen=True, repr=False)
class Link:
    """A card that opens one page. It can't mention people.

    :param title: first line of the card.
    :param text: the lines under it; DingTalk shows only the first ones of a long text.
    :param message_url: the page that a tap opens.
    :param pic_url: URL of a small image, or a media id.
    :raises InvalidMessageError: if a text is empty or a URL isn't one.
    """

    msgtype: ClassVar = "link"
    names: ClassVar = {"title": "title", "text": "text", "messageUrl": "message_url", "picUrl": "pic_url"}
    long_text: ClassVar = LongText("text")

    title: str = field(metadata=ruled(text))
    text: str = field(metadata=ruled(text))
    message_url: str = field(metadata=ruled(url, address=True))
    pic_url: str | None = field(default=None, metadata=ruled(optional(image_url), address=True))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of this message."""
        return {"msgtype": self.msgtype, self.msgtype: to_shape(self)}

    def in_words(self, escape: Callable[[str], str]) -> str:
        """The message as Markdown."""
        return f"{_markdown_link(escape(self.title), self.message_url)}\n\n{escape(self.text)}"


@dataclass(frozen=True, repr=False)
class Button:
    """A button of an :class:`ActionCard`; pressing it opens a page.

    :param title: its text.
    :param url: the page it opens.
    """

    names: ClassVar = {"title": "title", "actionURL": "url"}

    title: str = field(metadata=ruled(text))
    url: str = field(metadata=ruled(url, address=True))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of one of several buttons."""
        return to_shape(self)


@dataclass(frozen=True, repr=False)
class ActionCard:
    """A Markdown card with buttons. It can mention people by user id, not by mobile number.

    :param title: shown in the conversation list and in the push notification, not inside the card.
    :param text: Markdown, as in :class:`Markdown`.
    :param buttons: one button makes the whole card tappable; several are shown below it.
    :param horizontal: show several buttons side by side instead of one below the other.
    :raises InvalidMessageError: if a text is empty, a URL isn't one, or there is no button.
    """

    msgtype: ClassVar = "actionCard"
    names: ClassVar = {"title": "title", "text": "text", "btns": "buttons", "btnOrientation": "horizontal"}
    long_text: ClassVar = LongText("text", markdown=True)

    title: str = field(metadata=ruled(text))
    text: str = field(metadata=ruled(text))
    buttons: Sequence[Button] = field(metadata=ruled(one_or_more(value_of(Button), least=1)))
    horizontal: bool = field(default=False, metadata=ruled(flag))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of this message."""
        card: dict[str, Any] = {"title": self.title, "text": self.text}
        if len(self.buttons) == 1:
            card.update(singleTitle=self.buttons[0].title, singleURL=self.buttons[0].url)
        else:
            card.update(btnOrientation="1" if self.horizontal else "0", btns=[each.to_dict() for each in self.buttons])
        return {"msgtype": self.msgtype, self.msgtype: card}

    def in_words(self, escape: Callable[[str], str]) -> str:
        """The message as Markdown, its buttons as links."""
        return "\n\n".join([self.text, *(_markdown_link(escape(each.title), each.url) for each in self.buttons)])


@dataclass(frozen=True, repr=False)
class FeedLink:
    """One row of a :class:`FeedCard`.

    :param title: the text of the row.
    :param message_url: the page that a tap opens.
    :param pic_url: URL of its image, or a media id; DingTalk requires one.
    """

    names: ClassVar = {"title": "title", "messageURL": "message_url", "picURL": "pic_url"}

    title: str = field(metadata=ruled(text))
    message_url: str = field(metadata=ruled(url, address=True))
    pic_url: str = field(metadata=ruled(image_url, address=True))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of a row."""
        return to_shape(self)


@dataclass(frozen=True, repr=False)
class FeedCard:
    """Rows of images with titles, each opening a page. It can't mention people.

    :param links: the rows; the first one is shown large.
    :raises InvalidMessageError: if there is no row or a row is wrong.
    """

    msgtype: ClassVar = "feedCard"
    names: ClassVar = {"links": "links"}
    if_too_long: ClassVar = "Send fewer rows, or shorter links."
    if_unsupported: ClassVar = (
        "Send it through a group's custom robot, a connection of type 'dingtalk_robot'. "
        "请通过群自定义机器人（dingtalk_robot 连接）发送。"
    )

    links: Sequence[FeedLink] = field(metadata=ruled(one_or_more(value_of(FeedLink), least=1)))

    def __post_init__(self) -> None:
        apply_rules(self)

    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """DingTalk's shape of this message."""
        return {"msgtype": self.msgtype, self.msgtype: {"links": [each.to_dict() for each in self.links]}}

    def in_words(self, escape: Callable[[str], str]) -> str:
        """The rows as Markdown links."""
        return "\n\n".join(_markdown_link(escape(each.title), each.message_url) for each in self.links)


RobotMessage = Text | Markdown | Link | ActionCard | FeedCard
"""A message of a kind above."""
ROBOT_KINDS: tuple[Any, ...] = RobotMessage.__args__
"""Those kinds."""
