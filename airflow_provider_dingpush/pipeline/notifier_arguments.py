"""A notifier's arguments: what it sends, to whom and through which connection, rendered for one callback.

A wrong argument must not lose the alert: the argument is left out, and the problem is written into the log and into the
alert.
"""

from __future__ import annotations

import logging
import os
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow_provider_dingpush.connection_ids import NO_CONNECTION_ID, read_connection_id
from airflow_provider_dingpush.errors import InvalidMessageError, UnavailableError
from airflow_provider_dingpush.hooks import DingTalkRobotHook
from airflow_provider_dingpush.messages.field_rules import holds_jinja
from airflow_provider_dingpush.pipeline.redaction import described, redact_text

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_dingpush.alerts.run_alert import RuleEffects
    from airflow_provider_dingpush.alerts.run_facts import RunFacts
    from airflow_provider_dingpush.messages import At, Message
    from airflow_provider_dingpush.rules.duty_table import OnCall
    from airflow_provider_dingpush.targets import Target

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class GivenArguments(NamedTuple):
    """The arguments of a notifier as the DAG file gives them; all but the language may hold Jinja.

    ``rule`` isn't the DAG file's: it is what decided about an event of all DAGs.
    """

    dingtalk_conn_id: Any
    message: Any = None
    at: Any = None
    to: Any = None
    language: str | None = None
    rule: RuleEffects | None = None

    @property
    def is_plain(self) -> bool:
        """Whether there is only a connection id without Jinja: no message and no target."""
        try:
            conn_id = self.dingtalk_conn_id
            is_plain_id = not holds_jinja(conn_id) and read_connection_id(conn_id) == conn_id
        except ValueError:
            return False
        return is_plain_id and self.message is None and self.to is None


class RenderedArguments(NamedTuple):
    """The arguments of a notifier, rendered and read.

    :param conn_id: id of the connection.
    :param target: who gets it from an app; ``None`` for the connection's own group.
    :param message: what is sent instead of the built-in alert.
    :param mentions: who is mentioned, beside the owners.
    :param language: ``zh`` or ``en`` if the notifier names one.
    :param problems: name of each argument that can't be used -> why, without secrets.
    :param rule: what decided about an event of all DAGs; ``None`` for a notifier of the DAG.
    """

    conn_id: str
    target: Target | OnCall | None = None
    message: Message | None = None
    mentions: At | None = None
    language: str | None = None
    problems: Mapping[str, str] = MappingProxyType({})
    rule: RuleEffects | None = None


Limit = Callable[[Callable[[], Any]], Any]
"""Calls a function, or raises an :class:`~airflow_provider_dingpush.errors.UnavailableError` if it takes too long."""


def read_arguments(
    given: GivenArguments,
    context: Mapping[str, Any],
    facts: RunFacts,
    *,
    limit: Limit = lambda render: render(),
) -> RenderedArguments:
    """Render a notifier's arguments for a context, and read the results. Never raises.

    :param limit: bounds the time of rendering: a template may ask a secrets backend for a variable.
    """
    templates = _Templates(context, facts, limit)
    problems: dict[str, str] = {}

    def read(name: str, reader: Callable[[_Templates, Any], Result], otherwise: Result, consequence: str) -> Result:
        value = getattr(given, name)
        if value is None and name != "dingtalk_conn_id":
            return otherwise
        try:
            return reader(templates, value)
        except Exception as problem:  # noqa: BLE001 - see the module
            problems[name] = redact_text(described(problem))
            _log.warning("%s: %s", consequence, problems[name])
            return otherwise

    default = DingTalkRobotHook.default_conn_name
    conn_id = read(
        "dingtalk_conn_id",
        _read_connection_id,
        default,
        f"The notifier's dingtalk_conn_id can't be used, {default!r} is used instead",
    )
    target = read("to", _read_target, None, "The notifier's to= can't be used, the connection's default group is used")
    mentions = read("at", _read_mentions, None, "The notifier's mentions are left out")
    nothing: tuple[Message | None, At | None] = (None, None)
    message, message_at = read(
        "message",
        _read_message,
        nothing,
        "The notifier's own message can't be sent, the built-in alert is sent instead",
    )
    if message_at is not None:
        from airflow_provider_dingpush.messages.mentions import At

        mentions = At.union([mentions, message_at])
    return RenderedArguments(conn_id, target, message, mentions, given.language, problems, given.rule)


def _read_connection_id(templates: _Templates, value: Any) -> str:
    # Compiling a template takes a while, and few connection ids are templates.
    rendered = templates.strict(value) if holds_jinja(value) else value
    try:
        conn_id = read_connection_id(rendered)
        if holds_jinja(conn_id):
            raise ValueError(f"is {conn_id!r} when it is rendered")
    except ValueError as problem:
        raise InvalidMessageError(f"It {problem}.", NO_CONNECTION_ID) from None
    return conn_id


def _read_target(templates: _Templates, value: Any) -> Target | OnCall | None:
    from airflow_provider_dingpush.messages.plain_forms import check_rendered
    from airflow_provider_dingpush.rules.duty_table import OnCall
    from airflow_provider_dingpush.targets import read_target

    # Of a rule. Who that is, is looked up when the alert is sent.
    if isinstance(value, OnCall):
        return value
    target = read_target(templates.strict(value))
    if target is not None:
        check_rendered(target)
    return target


def _read_mentions(templates: _Templates, value: Any) -> At | None:
    from airflow_provider_dingpush.messages.mentions import At

    return _checked(At.read(templates.strict(value)))


def _read_message(templates: _Templates, value: Any) -> tuple[Message | None, At | None]:
    from airflow_provider_dingpush.messages.plain_forms import read_message

    message, at = read_message(templates.message(value))
    return message, _checked(at)


def _checked(at: At | None) -> At | None:
    """Rendered mentions, in which braces are an error."""
    from airflow_provider_dingpush.messages.plain_forms import check_rendered

    if at is not None:
        check_rendered(at)
    return at


class _Templates:
    """Renders the arguments of one callback."""

    def __init__(self, context: Mapping[str, Any], facts: RunFacts, limit: Limit) -> None:
        self._context = context
        self._limit = limit
        self._names = ChainMap({"facts": facts}, context)  # type: ignore[arg-type]

    def message(self, value: Any) -> Any:
        """A message; a missing variable stays as it was written.

        :raises InvalidMessageError: if it can't be rendered.
        """
        from airflow_provider_dingpush.templating import is_constant

        return self._message(value) if is_constant(value) else self._in_time(lambda: self._message(value))

    def strict(self, value: Any) -> Any:
        """Mentions, a target or an id, which are useless with a missing variable.

        :raises InvalidMessageError: if it can't be rendered, or a variable is missing.
        """
        from airflow_provider_dingpush.templating import holds_jinja_anywhere

        return self._in_time(lambda: self._strict(value)) if holds_jinja_anywhere(value) else self._strict(value)

    def _in_time(self, render: Callable[[], Any]) -> Any:
        try:
            return self._limit(render)
        except UnavailableError:
            raise InvalidMessageError(
                "Its template took too long.",
                "Check for a slow secrets backend, XCom or macro in it. 请检查模板中用到的变量、XCom 或宏是否过慢。",
            ) from None

    def _message(self, value: Any) -> Any:
        import jinja2

        from airflow_provider_dingpush.templating import Renderer

        class _KeptAsWritten(jinja2.ChainableUndefined, jinja2.DebugUndefined):
            """A missing variable, shown as it was written: ``{{ exception }}``."""

        env = self._env
        try:
            try:
                return Renderer(env, self._names).message(value)
            except jinja2.UndefinedError as missing:
                _log.warning("A variable of the notifier's template is missing and stays as written: %s", missing)
                return Renderer(env.overlay(undefined=_KeptAsWritten), self._names).message(value)
        except InvalidMessageError:
            raise
        except Exception as error:  # noqa: BLE001 - a filter, a macro or an attribute of the context may raise anything
            raise _failed(error) from None

    def _strict(self, value: Any) -> Any:
        from airflow_provider_dingpush.templating import Renderer, holds_jinja_anywhere

        try:
            env = self._env
        except InvalidMessageError:
            if holds_jinja_anywhere(value):
                raise
            return value
        try:
            return Renderer(env, self._names).native(value)
        except InvalidMessageError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            raise _failed(error) from None

    @cached_property
    def _env(self) -> jinja2.Environment:
        """The DAG's environment; a plain one for a deadline, and for ``dag.test()`` of Airflow 3.3, whose DAG has none.

        :raises InvalidMessageError: if the DAG's can't be made, such as with an extension that isn't installed.
        """
        from airflow_provider_dingpush.templating_filters import add_filters

        try:
            env = add_filters(_environment_of(self._context.get("dag")))
        except Exception as error:  # noqa: BLE001 - the DAG's own settings and classes may raise anything
            raise InvalidMessageError(
                f"The DAG's template environment can't be made ({described(error)}).",
                "Check jinja_environment_kwargs, user_defined_filters and user_defined_macros of the DAG. "
                "请检查 DAG 的这些参数。",
            ) from None
        return env


def _environment_of(dag: Any) -> jinja2.Environment:
    make = getattr(dag, "get_template_env", None)
    if make is not None:
        env: jinja2.Environment = make()
        return env
    import jinja2.sandbox

    folder = os.path.dirname(getattr(dag, "fileloc", None) or "")
    return jinja2.sandbox.SandboxedEnvironment(loader=jinja2.FileSystemLoader(folder) if folder else None)


def _failed(error: Exception) -> InvalidMessageError:
    return InvalidMessageError(f"Its template failed with {described(error)}.", "Correct the template. 请修正该模板。")
