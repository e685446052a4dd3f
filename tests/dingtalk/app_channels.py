"""The channels of an app, each made for the target that a test names."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import Sent
from airflow_provider_dingpush.dingtalk.app_robot import AppRobot
from airflow_provider_dingpush.dingtalk.media import MediaLibrary
from airflow_provider_dingpush.dingtalk.sent_by_robot import ReadStatus, Recalled, SentByRobot
from airflow_provider_dingpush.dingtalk.sent_work_notifications import Delivery, Progress, SentWorkNotifications
from airflow_provider_dingpush.dingtalk.work_notification import WorkNotifications
from airflow_provider_dingpush.messages import Message
from airflow_provider_dingpush.targets import Group, Users, WorkNotification


@dataclass
class RobotChannels:
    """The robot of an app, and what it has sent.

    :param options: of each channel.
    """

    calls: AppCalls
    media: MediaLibrary | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def to_group(self, group: str) -> AppRobot:
        return AppRobot(self.calls, self.media, Group(group), **self.options)

    def to_people(self, user_ids: Sequence[str]) -> AppRobot:
        return AppRobot(self.calls, self.media, Users(user_ids), **self.options)

    def send_to_group(self, message: Message, group: str) -> Sent:
        return self.to_group(group).send(message)

    def send_to_people(self, message: Message, user_ids: Sequence[str]) -> Sent:
        return self.to_people(user_ids).send(message)

    def send_cut_to_group(self, message: Message, group: str, *, language: str) -> Sent:
        return self.to_group(group).send_cut(message, language=language)

    def send_cut_to_people(self, message: Message, user_ids: Sequence[str], *, language: str) -> Sent:
        return self.to_people(user_ids).send_cut(message, language=language)

    def recall_from_group(self, keys: Sequence[str], group: str) -> Recalled:
        return SentByRobot(self.calls).recall_from_group(keys, group)

    def recall_from_people(self, keys: Sequence[str]) -> Recalled:
        return SentByRobot(self.calls).recall_from_people(keys)

    def read_status_of_group(self, key: str, group: str) -> ReadStatus:
        return SentByRobot(self.calls).read_status_of_group(key, group)

    def read_status_of_people(self, key: str) -> ReadStatus:
        return SentByRobot(self.calls).read_status_of_people(key)


@dataclass
class NotificationChannels:
    """The work notifications of an app, and those that were sent.

    :param options: of each channel; ``agent_id`` replaces that of the app.
    """

    calls: AppCalls
    media: MediaLibrary | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if "agent_id" in self.options:
            agent_id = self.options.pop("agent_id")
            agent_id = None if agent_id is None else str(agent_id)
            self.calls.app = dataclasses.replace(self.calls.app, agent_id=agent_id)

    def to(self, **recipients: Any) -> WorkNotifications:
        return WorkNotifications(self.calls, self.media, WorkNotification(**recipients), **self.options)

    def send(self, message: Message, **recipients: Any) -> tuple[str, ...]:
        return self.to(**recipients).send(message).task_ids

    def send_cut(self, message: Message, *, language: str, **recipients: Any) -> tuple[str, ...]:
        return self.to(**recipients).send_cut(message, language=language).task_ids

    def progress(self, task_id: str) -> Progress:
        return SentWorkNotifications(self.calls).progress(task_id)

    def result(self, task_id: str) -> Delivery:
        return SentWorkNotifications(self.calls).result(task_id)

    def recall(self, task_id: str) -> None:
        SentWorkNotifications(self.calls).recall(task_id)
