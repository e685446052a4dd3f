"""Messages that an app's robot has sent: who has read them, and how they are recalled.

Facts from DingTalk's docs 0716, 0720, 0722, 0723 and 0725, read 2026-08-22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_dingpush.dingtalk.answer_fields import objects, pairs, shortened, text, texts
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.dingtalk.app_content import chunks
from airflow_provider_dingpush.errors import TargetError

_KEYS_PER_CALL = 20
_READERS_PER_PAGE = 200
_STATES = {"suc": "sent", "rec": "recalled", "pro": "processing"}


@dataclass(frozen=True)
class ReadStatus:
    """Who has read a message.

    :param state: ``sent``, ``recalled`` or ``processing``, or DingTalk's own word for any other.
    :param read_user_ids: who has read it.
    :param unread_user_ids: who hasn't yet; empty for groups, for which DingTalk doesn't list them.
    """

    state: str
    read_user_ids: tuple[str, ...] = ()
    unread_user_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recalled:
    """The result of recalling messages.

    :param recalled: handles of those that were recalled.
    :param failed: handle -> DingTalk's reason, of those that weren't.
    """

    recalled: tuple[str, ...]
    failed: Mapping[str, str]

    def raise_if_any_failed(self) -> None:
        """Raise an error with the reasons, unless all were recalled.

        :raises TargetError: if one wasn't.
        """
        if self.failed:
            reasons = "; ".join(sorted(set(self.failed.values())))
            total = len({*self.recalled, *self.failed})
            raise TargetError(
                f"{len(self.failed)} of {total} parts could not be recalled: {reasons}.",
                "Messages can be recalled for 24 hours. 消息只能在 24 小时内撤回。",
            )


class SentByRobot:
    """Messages that the robot of one app has sent.

    :param calls: the app's calls to DingTalk.
    """

    def __init__(self, calls: AppCalls) -> None:
        self._calls = calls
        self._robot_code = calls.app.robot_code

    def recall_from_group(self, keys: Sequence[str], group: str) -> Recalled:
        """Recall messages from a group; they disappear from the chat.

        :param keys: their handles.
        :raises DingTalkError: of the class for the problem.
        """
        return self._recall("/v1.0/robot/groupMessages/recall", keys, openConversationId=group)

    def recall_from_people(self, keys: Sequence[str]) -> Recalled:
        """Recall messages from people's chats, which works for 24 hours.

        :param keys: their handles.
        :raises DingTalkError: of the class for the problem.
        """
        # DingTalk spells this path with a small "oto", and the one to send with "oTo".
        return self._recall("/v1.0/robot/otoMessages/batchRecall", keys)

    def read_status_of_group(self, key: str, group: str) -> ReadStatus:
        """Who in a group has read a message.

        :raises DingTalkError: of the class for the problem.
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
            # A page that is repeated would lead to an endless loop.
            if not answer.get("hasMore") or not page or page in seen:
                return ReadStatus(_state(answer["sendStatus"]), tuple(readers))
            seen.add(page)
            body["nextToken"] = page

    def read_status_of_people(self, key: str) -> ReadStatus:
        """Which recipients of a message have read it; known for 24 hours.

        :raises DingTalkError: of the class for the problem.
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

    def _recall(self, path: str, keys: Sequence[str], **where: str) -> Recalled:
        done: list[str] = []
        failed: dict[str, str] = {}
        for some in chunks(list(dict.fromkeys(keys)), _KEYS_PER_CALL):
            answer = self._calls.v1(
                "POST", path, body={"robotCode": self._robot_code, **where, "processQueryKeys": some}, repeatable=True
            )
            failed.update({key: shortened(reason) for key, reason in pairs(answer.get("failedResult"))})
            done += [key for key in texts(answer.get("successResult")) if key not in failed]
            failed.update({key: "DingTalk gives no result." for key in some if key not in done + list(failed)})
        return Recalled(tuple(done), failed)


def _state(word: object) -> str:
    # The docs' own sample spells it SUCESS.
    state = shortened(text(word)).lower()
    return _STATES.get(state[:3], state)
