"""What each person sees on the phone: messages, DINGs and to-dos, which of them are read, and reading them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_dingpush.sandbox.apis import Apis
from airflow_provider_dingpush.sandbox.chat import Chat
from airflow_provider_dingpush.sandbox.ding_model import Ding, Todo
from airflow_provider_dingpush.sandbox.model import ChatMessage
from airflow_provider_dingpush.sandbox.organisation import Organisation, notifications_to, private_chat_with

_KINDS = ("message", "ding", "todo")


class Phones:
    """The phones of all people.

    :param clock: returns epoch seconds.
    """

    def __init__(self, organisation: Organisation, chat: Chat, apis: Apis, clock: Callable[[], float]) -> None:
        self._organisation = organisation
        self._chat = chat
        self._apis = apis
        self._clock = clock

    def state(self, user_id: str) -> dict[str, Any] | None:
        """Return everything on the phone of a person as JSON; None if there is no such person."""
        person = self._organisation.person(user_id)
        if person is None:
            return None
        keys = (private_chat_with(person).key, notifications_to(person).key)
        messages = [each for each in self._chat.messages if each.conversation.key in keys]
        items = [
            *(self._message(each, user_id) for each in messages),
            *(_ding(each) for each in self._apis.dings.dings if each.person == person),
            *(_todo(each, user_id) for each in self._apis.todos.todos if person in each.executors),
        ]
        return {
            "people": [
                {"user_id": each.user_id, "name": each.name, "unread": self.unread(each.user_id)}
                for each in self._organisation.people
            ],
            "person": {"user_id": person.user_id, "name": person.name, "mobile": person.mobile},
            "items": sorted(items, key=lambda item: (item["at"], _KINDS.index(item["kind"]), item["number"])),
            "credit": {kind: self._apis.dings.credit_left(kind) for kind in ("sms", "phone")},
        }

    def unread(self, user_id: str) -> int:
        """Return how many messages and DINGs a person hasn't read, and to-dos not done."""
        person = self._organisation.person(user_id)
        if person is None:
            return 0
        keys = (private_chat_with(person).key, notifications_to(person).key)
        messages = [each for each in self._chat.messages if each.conversation.key in keys]
        return (
            sum(not self._apis.has_read(each, user_id) for each in messages)
            + sum(
                each.person == person and not each.is_read and not each.is_recalled for each in self._apis.dings.dings
            )
            + sum(person in each.executors and user_id not in each.done_by for each in self._apis.todos.todos)
        )

    def read(self, user_id: str, kind: str | None = None, number: int | None = None) -> bool:
        """Let a person read one item, or do one to-do; without a kind, read all messages and DINGs.

        Returns whether there is such a person and kind.
        """
        if self._organisation.person(user_id) is None or (kind is not None and kind not in _KINDS):
            return False
        if kind is None:
            self._apis.read(user_id)
        elif number is None:
            return False
        elif kind == "ding":
            self._apis.dings.read(user_id, number)
        elif kind == "todo":
            self._apis.todos.complete(user_id, number)
        else:
            for message in self._chat.messages:
                if message.number == number:
                    self._apis.read_message(message, user_id)
        self._chat.phones_changed(self._clock())
        return True

    def _message(self, message: ChatMessage, user_id: str) -> dict[str, Any]:
        return {
            "kind": "message",
            "number": message.number,
            "at": message.received_at,
            "sender": message.sender.name,
            "is_notification": message.conversation.kind == "notification",
            "shown": message.shown,
            "read": self._apis.has_read(message, user_id),
        }


def _ding(ding: Ding) -> dict[str, Any]:
    return {
        "kind": "ding",
        "number": ding.number,
        "at": ding.received_at,
        "sender": ding.app.name,
        "way": ding.kind,
        "content": ding.content,
        "voice": ding.voice,
        "read": ding.is_read,
        "recalled": ding.is_recalled,
    }


def _todo(todo: Todo, user_id: str) -> dict[str, Any]:
    return {
        "kind": "todo",
        "number": todo.number,
        "at": todo.created_at,
        "sender": todo.app.name,
        "subject": todo.subject,
        "description": todo.description,
        "url": todo.url,
        "due": todo.due,
        "priority": todo.priority,
        "pops_up": todo.pops_up,
        "read": user_id in todo.done_by,
    }
