"""All APIs of the sandbox, by the paths at which DingTalk has them."""

from __future__ import annotations

from functools import partial

from airflow_provider_dingpush.sandbox.access_tokens import AccessTokens
from airflow_provider_dingpush.sandbox.app_robot import PERMISSION as ROBOT_PERMISSION
from airflow_provider_dingpush.sandbox.app_robot import AppRobotApi
from airflow_provider_dingpush.sandbox.call_checks import CallChecks
from airflow_provider_dingpush.sandbox.custom_robot import PATH, CustomRobotEndpoint
from airflow_provider_dingpush.sandbox.ding import PERMISSION as DING_PERMISSION
from airflow_provider_dingpush.sandbox.ding import DingApi
from airflow_provider_dingpush.sandbox.ding_model import DingPlan
from airflow_provider_dingpush.sandbox.directory import (
    CONVERT_PERMISSION,
    CONVERT_PREFIX,
    CONVERT_SUFFIX,
    USER_BY_MOBILE,
    USER_BY_MOBILE_PERMISSIONS,
    USER_DETAILS,
    USER_DETAILS_PERMISSION,
    Directory,
)
from airflow_provider_dingpush.sandbox.media import UPLOAD_PATH, MediaStore
from airflow_provider_dingpush.sandbox.model import ChatMessage, Durations, Quotas, ReceivedRequest, Robot
from airflow_provider_dingpush.sandbox.oapi_dialect import OapiEndpoint
from airflow_provider_dingpush.sandbox.oapi_dialect import for_apps as oapi_for_apps
from airflow_provider_dingpush.sandbox.organisation import Organisation
from airflow_provider_dingpush.sandbox.service import Endpoint
from airflow_provider_dingpush.sandbox.todos import TodoApi
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
        *,
        ding: DingPlan,
    ) -> None:
        self.tokens = AccessTokens()
        self.media = MediaStore(kept_media_bytes)
        self._checks = CallChecks(self.tokens, quotas)
        group = organisation.conversation_of(organisation.groups[0])
        self._custom_robots = CustomRobotEndpoint(robots, group=group, minute_seconds=durations.minute)
        self._app_robots = AppRobotApi(organisation, self.media, quotas, durations)
        self._notifications = WorkNotificationApi(organisation, self.media, quotas, durations)
        self.dings = DingApi(organisation, ding, durations)
        self.todos = TodoApi(organisation)
        tokens = TokenIssuer(organisation, self.tokens, self._checks)
        lookups = Directory(organisation)
        v1 = partial(v1_for_apps, self._checks, addressee=self._app_robots.addressee)
        oapi = partial(oapi_for_apps, self._checks, addressee=self._notifications.addressee)
        self._conversion = v1(
            CONVERT_PREFIX + "{chatId}" + CONVERT_SUFFIX,
            lookups.open_conversation_id,
            permission=CONVERT_PERMISSION,
            reads_body=False,
        )
        self._endpoints: dict[str, Endpoint] = {
            PATH: self._custom_robots,
            NEW_TOKEN: V1Endpoint(tokens.issue_v1),
            OLD_TOKEN: OapiEndpoint(OLD_TOKEN, tokens.issue_oapi, method="GET"),
            UPLOAD_PATH: oapi(UPLOAD_PATH, self.media.upload, permissions=(NOTIFICATION_PERMISSION,), reads_body=False),
            # Contacts are not on the monthly bill (docs 1432).
            USER_BY_MOBILE: oapi(
                USER_BY_MOBILE, lookups.user_by_mobile, permissions=USER_BY_MOBILE_PERMISSIONS, counts=False
            ),
            USER_DETAILS: oapi(
                USER_DETAILS, lookups.user_details, permissions=(USER_DETAILS_PERMISSION,), counts=False
            ),
        }
        for path, (method, handle) in self._app_robots.handlers().items():
            self._endpoints[path] = v1(path, handle, method=method, permission=ROBOT_PERMISSION)
        for path, handle in self._notifications.handlers().items():
            self._endpoints[path] = oapi(path, handle, permissions=(NOTIFICATION_PERMISSION,))
        for path, (way, handle) in self.dings.handlers().items():
            self._endpoints[path] = v1_for_apps(
                self._checks, path, handle, method=way, permission=DING_PERMISSION, addressee=self.dings.addressee
            )
        self._todo_routes = tuple(
            (
                paths,
                v1_for_apps(self._checks, paths.pattern, handle, method=way, permission=permission, addressee=_none),
            )
            for paths, way, permission, handle in self.todos.routes()
        )

    def at(self, path: str) -> Endpoint | None:
        """Return the API at a path."""
        if path.startswith(CONVERT_PREFIX) and path.endswith(CONVERT_SUFFIX):
            return self._conversion
        routed = (endpoint for paths, endpoint in self._todo_routes if paths.fullmatch(path))
        return self._endpoints.get(path) or next(routed, None)

    def read(self, user_id: str) -> None:
        """Mark everything that one person can see as read."""
        self._app_robots.read(user_id)
        self._notifications.read(user_id)
        self.dings.read(user_id)

    def read_message(self, message: ChatMessage, user_id: str) -> None:
        """Mark one message to a person as read."""
        self._app_robots.read(user_id, message.handle)
        self._notifications.read(user_id, message.handle)

    def has_read(self, message: ChatMessage, user_id: str) -> bool:
        """Whether a person has read a message."""
        readers = self._app_robots.readers(message.handle) | self._notifications.readers(message.handle)
        return user_id in readers

    def forget(self) -> None:
        """Forget rate windows, blocks, quotas, sent messages and known ``msgUuid`` values, but no tokens and media."""
        for keeper in (
            self._custom_robots,
            self._app_robots,
            self._notifications,
            self._checks,
            self.dings,
            self.todos,
        ):
            keeper.forget()


def _none(_: ReceivedRequest) -> None:
    """No conversation."""
