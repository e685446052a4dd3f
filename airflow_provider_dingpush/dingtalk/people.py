"""The ids of people: user ids by mobile numbers, which app robots accept, and union ids, which to-dos need."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from airflow_provider_dingpush.dingtalk.answer_fields import text
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.errors import TargetError, UnavailableError
from airflow_provider_dingpush.messages.plain_forms import check_rendered
from airflow_provider_dingpush.targets import Users, read_target

_PATH = "/topapi/v2/user/getbymobile"
_DETAILS_PATH = "/topapi/v2/user/get"
_log = logging.getLogger(__name__)
# Account and number -> user id. Unknown numbers aren't cached, because they may become known.
_found: dict[tuple[tuple[str, str], str], str] = {}
_union_ids: dict[tuple[tuple[str, str], str], str] = {}


def read_people(to: object) -> Users:
    """The people of a target, for what reaches only people.

    :param to: ``Users``, or a plain form of them.
    :raises InvalidMessageError: if it can't be read.
    :raises TargetError: if it is another target, or none.
    """
    target = read_target(to)
    if not isinstance(target, Users):
        raise TargetError(
            f"DINGs and to-dos go to people, not to {target!r}.",
            'Write Users(["user id"]) or Users(mobiles=["138…"]). DING 和待办只能发给人，请使用 Users。',
        )
    check_rendered(target)
    return target


def user_ids_of_users(calls: AppCalls, people: Users) -> list[str]:
    """The user ids of all these people, including those given by mobile number.

    :raises TargetError: if none of them is known.
    :raises DingTalkError: of the class for any other problem.
    """
    try:
        found = user_ids_of(calls, people.mobiles)
    except TargetError as none_known:
        if not people.user_ids:
            raise
        _log.warning("%s The others get the message.", none_known)
        found = {}
    return [*people.user_ids, *found.values()]


def user_ids_of(calls: AppCalls, mobiles: Iterable[str]) -> dict[str, str]:
    """The user id of each mobile number, each looked up once per process and app.

    Needs the permissions ``qyapi_get_member_by_mobile`` and ``qyapi_get_member`` and finds members of the app's
    organisation (docs 0063, read 2026-08-22). A number that DingTalk doesn't know is logged and left out.

    :raises TargetError: if none of them is known.
    :raises DingTalkError: of the class for any other problem.
    """
    known: dict[str, str] = {}
    unknown: dict[str, str | None] = {}
    for mobile in dict.fromkeys(mobiles):
        cache_key = (calls.account, mobile)
        if cache_key not in _found:
            try:
                answer = calls.oapi(_PATH, body={"mobile": mobile}, repeatable=True, expects=("result",))
                found = answer["result"]
                user_id = text(found.get("userid")) if isinstance(found, Mapping) else ""
                if not user_id:
                    raise UnavailableError(
                        f"DingTalk's answer about the mobile number {masked_number(mobile)} can't be read.",
                        "Try again later. 请稍后重试。",
                    )
                _found[cache_key] = user_id
            except TargetError as error:
                unknown[mobile] = error.errcode
                continue
        known[mobile] = _found[cache_key]
    if unknown:
        problem = f"DingTalk doesn't know the mobile number {', '.join(map(masked_number, unknown))}"
        if not known:
            codes = ", ".join(sorted({code for code in unknown.values() if code}))
            raise TargetError(
                f"{problem} (errcode {codes}).",
                "It must be the number of a colleague in the app's organisation; a user id works as well. "
                "请检查手机号是否为该应用所在组织的在职员工，也可以直接使用 userId。",
                problem_zh=f"钉钉找不到手机号 {'、'.join(map(masked_number, unknown))}（errcode {codes}）。",
            )
        _log.warning("%s; the others get the message.", problem)
    return known


def union_id_of(calls: AppCalls, user_id: str) -> str:
    """The unionId of a person, looked up once per process and app; contacts are free of charge (docs 1432).

    Needs the permission ``qyapi_get_member`` (docs 0056, read 2026-11-28).

    :raises TargetError: if DingTalk doesn't know the user id.
    :raises DingTalkError: of the class for any other problem.
    """
    cache_key = (calls.account, user_id)
    if cache_key not in _union_ids:
        answer = calls.oapi(_DETAILS_PATH, body={"userid": user_id}, repeatable=True, expects=("result",))
        found = answer["result"]
        union_id = text(found.get("unionid")) if isinstance(found, Mapping) else ""
        if not union_id:
            raise UnavailableError(
                f"DingTalk's answer about the user id {user_id!r} has no unionid.", "Try again later. 请稍后重试。"
            )
        _union_ids[cache_key] = union_id
    return _union_ids[cache_key]


def masked_number(mobile: str) -> str:
    """A number, partly masked: enough to recognise its owner, not enough to call."""
    return f"{mobile[:3]}****{mobile[-4:]}" if len(mobile) > 7 else "****"
