"""Look-ups: the user of a phone number, the details of a user, and the new id of a group.

Facts: DingTalk docs 0063 and 0745 (read 2026-08-22), 0056 (read 2026-11-28).
"""

from __future__ import annotations

import re

from airflow_provider_dingpush.sandbox.model import AppCall, CallResult
from airflow_provider_dingpush.sandbox.oapi_dialect import missing, refusal, succeeded
from airflow_provider_dingpush.sandbox.organisation import Organisation
from airflow_provider_dingpush.sandbox.v1_dialect import refusal as v1_refusal

USER_BY_MOBILE = "/topapi/v2/user/getbymobile"
USER_BY_MOBILE_PERMISSIONS = ("qyapi_get_member_by_mobile", "qyapi_get_member")
USER_DETAILS = "/topapi/v2/user/get"
USER_DETAILS_PERMISSION = "qyapi_get_member"
CONVERT_PREFIX = "/v1.0/im/chat/"
CONVERT_SUFFIX = "/convertToOpenConversationId"
CONVERT_PERMISSION = "qyapi_chat_read"


class Directory:
    """Answers questions about people and groups."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def user_by_mobile(self, call: AppCall) -> CallResult:
        mobile = call.body.get("mobile")
        if not mobile:
            raise missing("mobile")
        # A number with the code of a country has a plus and a dash in it.
        if not isinstance(mobile, str) or not re.fullmatch(r"\+?[\d-]{5,20}", mobile, re.ASCII):
            raise refusal(40104, "无效手机号")
        person = self._organisation.person_of_mobile(mobile)
        if person is None:
            raise refusal(60121, "找不到该用户")
        return CallResult(outcome="answered", reply=succeeded(call.request.path, result={"userid": person.user_id}))

    def user_details(self, call: AppCall) -> CallResult:
        user_id = call.body.get("userid")
        if not user_id:
            raise missing("userid")
        person = self._organisation.person(str(user_id))
        if person is None:
            raise refusal(60121, "找不到该用户")
        result = {"userid": person.user_id, "unionid": person.union_id, "name": person.name}
        return CallResult(outcome="answered", reply=succeeded(call.request.path, result=result))

    def open_conversation_id(self, call: AppCall) -> CallResult:
        chat_id = call.request.path[len(CONVERT_PREFIX) : -len(CONVERT_SUFFIX)]
        group = self._organisation.group_of_chat_id(chat_id)
        if group is None:
            # The spelling is DingTalk's.
            raise v1_refusal(400, "invalideChatId", "不合法的chatId")
        return CallResult(outcome="answered", reply={"openConversationId": group.open_conversation_id})
