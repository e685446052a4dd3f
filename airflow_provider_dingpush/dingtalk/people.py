"""The user ids of people known by their mobile numbers: app robots take user ids only."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from airflow_provider_dingpush.dingtalk.answer_fields import text
from airflow_provider_dingpush.dingtalk.app_calls import AppCalls
from airflow_provider_dingpush.errors import TargetError, UnavailableError
from airflow_provider_dingpush.targets import Users

_PATH = "/topapi/v2/user/getbymobile"
_log = logging.getLogger(__name__)
# Which DingTalk and app, and the number -> the user id. Only what was found: an unknown number may be known tomorrow.
_found: dict[tuple[tuple[str, str], str], str] = {}


def user_ids_of_users(calls: AppCalls, people: Users) -> list[str]:
    """Everybody's user id, including those who are known by their mobile numbers.

    :raises TargetError: if nobody of them is known.
    :raises DingTalkError: typed by what else went wrong.
    """
    try:
        found = user_ids_of(calls, people.mobiles)
    except TargetError as nobody:
        if not people.user_ids:
            raise
        _log.warning("%s The others get the message.", nobody)
        found = {}
    return [*people.user_ids, *found.values()]


def user_ids_of(calls: AppCalls, mobiles: Iterable[str]) -> dict[str, str]:
    """The user id of each mobile number, each asked for once per process and app.

    Needs the permissions ``qyapi_get_member_by_mobile`` and ``qyapi_get_member`` and finds those who work in the app's
    organisation (docs 0063, read 2026-08-22). A number that DingTalk doesn't know is logged and left out.

    :raises TargetError: if none of them is known.
    :raises DingTalkError: typed by what else went wrong.
    """
    known: dict[str, str] = {}
    unknown: dict[str, str | None] = {}
    for mobile in dict.fromkeys(mobiles):
        place = (calls.whose, mobile)
        if place not in _found:
            try:
                answer = calls.oapi(_PATH, body={"mobile": mobile}, repeatable=True, expects=("result",))
                found = answer["result"]
                user_id = text(found.get("userid")) if isinstance(found, Mapping) else ""
                if not user_id:
                    raise UnavailableError(
                        f"DingTalk's answer about the mobile number {_masked(mobile)} can't be read.",
                        "Try again later. 请稍后重试。",
                    )
                _found[place] = user_id
            except TargetError as error:
                unknown[mobile] = error.errcode
                continue
        known[mobile] = _found[place]
    if unknown:
        problem = f"DingTalk knows nobody with the mobile number {', '.join(map(_masked, unknown))}"
        if not known:
            codes = ", ".join(sorted({code for code in unknown.values() if code}))
            raise TargetError(
                f"{problem} (errcode {codes}).",
                "It must be the number of a colleague in the app's organisation; a user id works as well. "
                "请检查手机号是否为该应用所在组织的在职员工，也可以直接使用 userId。",
            )
        _log.warning("%s; the others get the message.", problem)
    return known


def _masked(mobile: str) -> str:
    """A number, partly masked: enough to recognise its owner, not enough to call."""
    return f"{mobile[:3]}****{mobile[-4:]}" if len(mobile) > 7 else "****"
