"""All APIs of the sandbox, by the paths at which DingTalk has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from airflow_provider_dingpush.sandbox.access_tokens import AccessTokens
from airflow_provider_dingpush.sandbox.app_robot import PEOPLE_READ_STATUS, AppRobotApi
from airflow_provider_dingpush.sandbox.app_robot import PERMISSION as ROBOT_PERMISSION
from airflow_provider_dingpush.sandbox.call_checks import CallChecks
from airflow_provider_dingpush.sandbox.custom_robot import PATH, CustomRobotEndpoint
from airflow_provider_dingpush.sandbox.directory import (
    CONVERT_PERMISSION,
    CONVERT_PREFIX,
    CONVERT_SUFFIX,
    USER_BY_MOBILE,
    USER_BY_MOBILE_PERMISSIONS,
    Directory,
)
from airflow_provider_dingpush.sandbox.media import UPLOAD_PATH, MediaStore
from airflow_provider_dingpush.sandbox.model import AppCall, CallResult, Durations, Quotas, Robot
from airflow_provider_dingpush.sandbox.oapi_dialect import OapiEndpoint
from airflow_provider_dingpush.sandbox.oapi_dialect import for_apps as oapi_for_apps
from airflow_provider_dingpush.sandbox.organisation import Organisation
from airflow_provider_dingpush.sandbox.service import Endpoint
from airflow_provider_dingpush.sandbox.token_issuer import NEW_TOKEN, OLD_TOKEN, TokenIssuer
from airflow_provider_dingpush.sandbox.v1_dialect import V1Endpoint
from airflow_provider_dingpush.sandbox.v1_dialect import for_apps as v1_for_apps
from airflow_provider_dingpush.sandbox.work_notifications import PERMISSION as NOTIFICATION_PERMISSION
from airflow_provider_dingpush.sandbox.work_notifications import WorkNotificationApi


class Apis:
    """The APIs of both generations over one organisation, and the state that they keep.

    :param kept_media_bytes: how much of all uploads is kept.
    """

    def __init__(
        self,
        organisation: Organisation,
        robots: tuple[Robot, ...],
        quotas: Quotas,
        durations: Durations,
        kept_media_bytes: int,
    ) -> None:
        self.tokens = AccessTokens()
        self.media = MediaStore(kept_media_bytes)
        self._checks = CallChecks(self.tokens, quotas)
        group = organisation.conversation_of(organisation.groups[0])
        self._custom_robots = CustomRobotEndpoint(robots, group=group, minute_seconds=durations.minute)
        self._app_robots = AppRobotApi(organisation, self.media, quotas, durations)
        self._notifications = WorkNotificationApi(organisation, self.media, quotas, durations)
        tokens = TokenIssuer(organisation, self.tokens, self._checks)
        lookups = Directory(organisation)
        self._conversion = self._v1(
            lookups.open_conversation_id,
            api=CONVERT_PREFIX + "{chatId}" + CONVERT_SUFFIX,
            permission=CONVERT_PERMISSION,
            reads_body=False,
        )
        self._endpoints: dict[str, Endpoint] = {
            PATH: self._custom_robots,
            NEW_TOKEN: V1Endpoint(tokens.issue_v1),
            OLD_TOKEN: OapiEndpoint(OLD_TOKEN, tokens.issue_oapi, method="GET"),
            UPLOAD_PATH: self._oapi(UPLOAD_PATH, self.media.upload, reads_body=False),
            # Contacts are not on the monthly bill (docs 1432).
            USER_BY_MOBILE: self._oapi(
                USER_BY_MOBILE, lookups.user_by_mobile, permissions=USER_BY_MOBILE_PERMISSIONS, counts=False
            ),
            PEOPLE_READ_STATUS: self._v1(self._app_robots.read_status_of_people, api=PEOPLE_READ_STATUS, method="GET"),
        }
        for path, handle in self._app_robots.handlers().items():
            self._endpoints[path] = self._v1(handle, api=path)
        for path, handle_notification in self._notifications.handlers().items():
            self._endpoints[path] = self._oapi(path, handle_notification)

    def at(self, path: str) -> Endpoint | None:
        """Return the API at a path."""
        if path.startswith(CONVERT_PREFIX) and path.endswith(CONVERT_SUFFIX):
            return self._conversion
        return self._endpoints.get(path)

    def read(self, user_id: str) -> None:
        """Mark everything that one person can see as read."""
        self._app_robots.read(user_id)
        self._notifications.read(user_id)

    def forget(self) -> None:
        """Forget rate windows, blocks, quotas, sent messages and known ``msgUuid`` values, but no tokens and media."""
        for keeper in (self._custom_robots, self._app_robots, self._notifications, self._checks):
            keeper.forget()

    def _v1(
        self,
        handle: Callable[[AppCall], CallResult],
        *,
        api: str,
        permission: str = ROBOT_PERMISSION,
        method: Literal["GET", "POST"] = "POST",
        reads_body: bool = True,
    ) -> V1Endpoint:
        handle_request = v1_for_apps(self._checks, handle, permission=permission, api=api, reads_body=reads_body)
        return V1Endpoint(handle_request, method=method, addressee=self._app_robots.addressee)

    def _oapi(
        self,
        path: str,
        handle: Callable[[AppCall], CallResult],
        *,
        permissions: tuple[str, ...] = (NOTIFICATION_PERMISSION,),
        counts: bool = True,
        reads_body: bool = True,
    ) -> OapiEndpoint:
        handle_request = oapi_for_apps(
            self._checks, handle, permissions=permissions, counts=counts, reads_body=reads_body
        )
        return OapiEndpoint(path, handle_request, addressee=self._notifications.addressee)
