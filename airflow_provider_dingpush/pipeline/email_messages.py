"""An e-mail that isn't an alert, such as a report of an ``EmailOperator``, as a message with its text.

Through a robot it goes to the group and mentions its recipients. Through an app it goes to the recipients themselves,
or to the app's group if none of them is in ``mentions``; its attachments follow.
"""

from __future__ import annotations

import io
import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import ContentError, OutboxError, TargetError
from airflow_provider_dingpush.hooks import DingTalkAppHook, DingTalkRobotHook, hook_of
from airflow_provider_dingpush.pipeline.email_receivers import (
    default_connection,
    own_connection,
    people_behind,
    unknown_among,
    users_of,
)
from airflow_provider_dingpush.pipeline.redaction import redact_text

if TYPE_CHECKING:
    from airflow_provider_dingpush.messages import Message
    from airflow_provider_dingpush.messages.mentions import At
    from airflow_provider_dingpush.pipeline.emails import Email
    from airflow_provider_dingpush.targets import Target

_log = logging.getLogger(__name__)
_TEXT_BYTES = 60_000
"""Of JSON: what fits into the five messages into which a long one is split, for an app's as well."""
_TITLE_CHARACTERS = 100
_STORE_SECONDS = 10.0
_MOST_ZIPPED_BYTES = 20 * 1024 * 1024
_WORDS = {
    "zh": {
        "no_subject": "（无主题）",
        "by_robot": "附件未发送（自定义机器人不能发文件）：{names}",
        "refused": "附件未发送：{name}（{why}）",
        "comma": "、",
    },
    "en": {
        "no_subject": "(no subject)",
        "by_robot": "Attachments left out (a custom robot can't send files): {names}",
        "refused": "Attachment left out: {name} ({why})",
        "comma": ", ",
    },
}


def send_as_message(email: Email) -> None:
    """Send an e-mail as a message, within the receiver's rate limit.

    :raises DingTalkError: if it can't be sent.
    """
    hook = hook_of(own_connection(email.conn_id) or default_connection())
    from airflow_provider_dingpush.pipeline.composing import default_language

    language = hook.settings.language or default_language()
    if isinstance(hook, DingTalkRobotHook):
        sending = _Sending(hook, language, at=people_behind(email.recipients, hook.settings))
        names = [os.path.basename(each) for each in email.files]
        sending.text(
            email, [_WORDS[language]["by_robot"].format(names=_WORDS[language]["comma"].join(names))] if names else []
        )
        return
    everybody = (*email.recipients, *email.hidden_recipients)
    sending = _Sending(hook, language, to=_people(hook, everybody))
    files, left_out = sending.sendable(email.files)
    sending.text(email, left_out)
    for each in files:
        sending.send(each)


def _people(hook: DingTalkAppHook, recipients: tuple[str, ...]) -> Target | None:
    """The recipients as a target; ``None`` for the connection's group.

    :raises TargetError: if none of them is known, and the connection has no group.
    """
    people, unknown = users_of(people_behind(recipients, hook.settings)), unknown_among(recipients, hook.settings)
    if unknown:
        addresses = ", ".join(unknown)
        if people is None and not hook.has_own_group:
            raise TargetError(
                f"Connection {hook.dingtalk_conn_id!r} knows none of the recipients: {addresses}.",
                "Add them to the connection's extra field 'mentions', such as {\"zhangsan@example.com\": "
                '"13800000000"}, or fill in open_conversation_id. '
                "请在连接的 mentions 中填写邮箱对应的手机号或 userId，或填写 open_conversation_id。",
            )
        _log.warning("These recipients are not in 'mentions' of connection %r: %s", hook.dingtalk_conn_id, addresses)
    return people


@dataclass(frozen=True)
class _Sending:
    """The messages of one e-mail.

    :param hook: of the connection.
    :param language: of the texts that aren't the e-mail's.
    :param at: who is mentioned.
    :param to: who gets them from an app.
    """

    hook: DingTalkRobotHook | DingTalkAppHook
    language: str
    at: At | None = None
    to: Target | None = None

    def text(self, email: Email, remarks: list[str]) -> None:
        """Send the text of the e-mail, and remarks below it."""
        from airflow_provider_dingpush.alerts.markdown import cut, escape_markdown, plain_line
        from airflow_provider_dingpush.messages.fitting import cut as cut_to
        from airflow_provider_dingpush.messages.html_markdown import html_to_markdown
        from airflow_provider_dingpush.messages.kinds import Markdown
        from airflow_provider_dingpush.pipeline.email_marks import without_marks

        words = _WORDS[self.language]
        title = redact_text(plain_line(email.subject)) or words["no_subject"]

        def escape(piece: str) -> str:
            # Afterwards a secret may have a backslash in it, and wouldn't be recognised.
            return escape_markdown(redact_text(piece))

        text = html_to_markdown(redact_text(without_marks(email.html)), escape=escape)
        text = cut_to(redact_text(text), _TEXT_BYTES, language=self.language)
        below = [escape_markdown(each) for each in remarks]
        whole = "\n\n".join(each for each in (f"## {escape_markdown(title)}", text, *below) if each)
        self.send(Markdown(cut(title, _TITLE_CHARACTERS), whole))

    def sendable(self, paths: Any) -> tuple[list[Message], list[str]]:
        """The attachments that the app can send, others in a zip; and a remark on each that it can't."""
        files, left_out = [], []
        for path in paths:
            name = os.path.basename(path)
            try:
                files.append(self._file(path, name))
            except (ContentError, OSError) as problem:
                why = getattr(problem, "strerror", None) or getattr(problem, "problem", None) or str(problem)
                left_out.append(_WORDS[self.language]["refused"].format(name=name, why=redact_text(str(why))))
        return files, left_out

    def _file(self, path: str, name: str) -> Message:
        from airflow_provider_dingpush.messages.app_kinds import File

        try:
            return self._checked(File(path, name))
        except ContentError:
            if not os.path.isfile(path) or os.path.getsize(path) > _MOST_ZIPPED_BYTES or name.endswith(".zip"):
                raise
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.write(path, name)
        return self._checked(File(content.getvalue(), f"{name}.zip"))

    def _checked(self, message: Message) -> Message:
        self.hook.channel(self.to).check(message, language=self.language)  # type: ignore[union-attr] # an app's
        return message

    def send(self, message: Message) -> None:
        """Send a message when the receiver has a free slot.

        :raises DingTalkError: if it can't be sent.
        """
        with self._slot(message):
            self.hook.send(message, at=self.at, to=self.to)

    @contextmanager
    def _slot(self, message: Message) -> Iterator[None]:
        from airflow_provider_dingpush.pipeline.rate_limit import rate_limit_slot, seconds_until_slot
        from airflow_provider_dingpush.pipeline.receivers import messages_in, receiver_of_hook
        from airflow_provider_dingpush.pipeline.stores import stores
        from airflow_provider_dingpush.timeouts import Deadline

        receiver = receiver_of_hook(self.hook, self.to)
        for store in stores(Deadline(inf), most_seconds=_STORE_SECONDS, total_seconds=2 * _STORE_SECONDS):
            try:
                seconds_until_slot(store.outbox, receiver, share=store.share)
            except OutboxError as trouble:
                _log.warning("The receiver's window can't be read in %s: %s", store.folder or "the outbox", trouble)
                continue
            with rate_limit_slot(store.outbox, receiver, messages=messages_in(message), share=store.share):
                yield
            return
        yield
