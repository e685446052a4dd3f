"""Rendering of messages with Jinja: in a str, in the fields of a message, or in a template file."""

from __future__ import annotations

import ast
import json
import os
import re
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import holds_jinja, is_ours

if TYPE_CHECKING:
    import jinja2

# ASCII only: a sentence in Chinese has no blanks and may end in the path of a file.
_PLAIN_PATH = re.compile(r"(?!//)[\w.+/-]+\.(?:md|json|txt)", re.ASCII)
_BEGINS_WITH_HOST = r"(?i)(?:[a-z\d-]+\.)+[a-z]{2,}/"
_HEADING = r"(?m)^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$"
# Not the underscore: ids are full of them, and as emphasis it is rare.
_MARKUP = r"</?[A-Za-z][^>]*>|[*`]|!?\[([^\]]*)\]\([^)]*\)"
_MOST_TITLE_CHARACTERS = 64
_NOT_TEXT = frozenset(
    {
        *("at", "atMobiles", "atUserIds", "isAtAll", "mobiles", "user_ids", "department_ids", "everyone"),
        *("links", "btns", "buttons", "horizontal", "form", "status"),
        *("source", "cover", "duration", "duration_seconds"),
    }
)
"""Fields that may be something else than text: a list of people, an image, a number, true or false."""
_LISTS_OF_TEXT = ("form", "status")


def may_be_template_file(value: object) -> bool:
    """Whether a str has the form of a template's path: as a whole one plain path to a .md, .json or .txt file.

    Anything else than ASCII letters, digits and ``_ . + - /`` makes it a sentence, a URL or a template of its own.
    """
    return isinstance(value, str) and _PLAIN_PATH.fullmatch(value) is not None


def _may_be_words(path: str) -> bool:
    """Whether a path without a file may be meant as text: a URL without its scheme, or the path of a data file.

    An absolute path to a .md file is no data, and a relative path means nothing to readers in a group.
    """
    return re.match(_BEGINS_WITH_HOST, path) is not None or (path.startswith("/") and not path.endswith(".md"))


def is_constant(message: object) -> bool:
    """Whether a message is the same each time: it holds no Jinja, and isn't a file or the output of a task."""
    if not (isinstance(message, (str, Mapping)) or is_ours(message)) or may_be_template_file(message):
        return False
    return not holds_jinja_anywhere(message)


def holds_jinja_anywhere(value: object) -> bool:
    """Whether a text in a value is still to be rendered."""
    if isinstance(value, Mapping):
        return any(map(holds_jinja_anywhere, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(holds_jinja_anywhere, value))
    if is_ours(value):
        return any(holds_jinja_anywhere(getattr(value, each.name)) for each in fields(value))  # type: ignore[arg-type]
    return holds_jinja(value)


def _unchanged(value: Any) -> Any:
    return value


def _joined(nodes: Iterable[Any]) -> str:
    return "".join(map(str, nodes))


def _only(nodes: Sequence[Any]) -> Any:
    """The value of a template that is one expression with only blanks around it, or else a text."""
    pieces = [each for each in nodes if not (isinstance(each, str) and not each.strip())]
    # A missing variable raises here, or is rendered as the environment defines.
    return pieces[0] if len(pieces) == 1 and not _is_undefined(pieces[0]) else _joined(nodes)


def _is_undefined(value: object) -> bool:
    return any(kind.__name__ == "Undefined" for kind in type(value).__mro__)


@dataclass(frozen=True)
class Renderer:
    """Renders messages, mentions and targets, of an operator or of a callback. Changes nothing in place.

    Text fields become text even where Airflow renders to native objects (``render_template_as_native_obj``): a title
    ``1_000`` isn't a number. Other fields, such as a list of people, become native objects.

    :param env: the environment of the DAG, which may be a native one.
    :param context: the variables of the templates.
    :param otherwise: renders values that are neither text nor ours nor a list or dict of such, as Airflow does.
    """

    env: jinja2.Environment
    context: Mapping[str, Any]
    otherwise: Callable[[Any], Any] = _unchanged

    def message(self, value: Any) -> Any:
        """A message as a whole: the path of a template file, or anything that :meth:`value` renders.

        :raises InvalidMessageError: for the path of a missing file, if it can only be meant as a file.
        """
        if not isinstance(value, str):
            return self.value(value)
        from airflow_provider_dingpush.messages.kinds import Markdown, Text
        from airflow_provider_dingpush.messages.plain_forms import is_message
        from airflow_provider_dingpush.report_sending import table_in

        source = _source_of(value, self.env) if may_be_template_file(value) else None
        if source is None:
            nodes = self._nodes(value)
            # The output of another task may be a whole message or table; anything else becomes its text.
            only = _only(nodes)
            is_whole = isinstance(only, Mapping) or is_message(only) or table_in(only) is not None
            return only if is_whole else self._text_of(nodes)
        if value.endswith(".json"):
            return self._json(value, source)
        text = self.text(source)
        return Markdown(title=_title(text), text=text) if value.endswith(".md") else Text(text)

    def value(self, value: Any, field: str = "") -> Any:
        """A value and all that is in it.

        :param field: the field or key that holds it.
        """
        if isinstance(value, str):
            return self.native(value) if field in _NOT_TEXT else self._text_of(self._nodes(value))
        if isinstance(value, Mapping):
            return {key: self.value(each, str(key)) for key, each in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(each, "" if field in _LISTS_OF_TEXT else field) for each in value]
        if is_ours(value):
            return replace(
                value, **{each.name: self.value(getattr(value, each.name), each.name) for each in fields(value)}
            )
        if type(value).__name__ == "Table":
            return self._table(value)
        return self.otherwise(value)

    def _table(self, value: Any) -> Any:
        """A table with its title and intro rendered; its rows are data, in which nothing is a template."""
        from airflow_provider_dingpush.reports.table import Table

        if not isinstance(value, Table):
            return self.otherwise(value)
        title, intro = (self.text(text) if isinstance(text, str) else text for text in (value.title, value.intro))
        return replace(value, title=title, intro=intro)

    def native(self, value: Any) -> Any:
        """The result of a template that need not be text, if Airflow renders to native objects.

        It is the value of its only expression, or the list or dict that the text is a literal of; otherwise text.
        """
        if not isinstance(value, str):
            return self.value(value)
        nodes = self._nodes(value)
        only, text = _only(nodes), _joined(nodes)
        if not self._is_native or not self._holds_jinja(value):
            return text
        if not isinstance(only, str):
            return only
        try:
            literal = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
        return literal if isinstance(literal, (list, tuple, set, dict)) else text

    def text(self, source: str) -> str:
        """Rendered text; unchanged if there is no Jinja in it."""
        return _joined(self._nodes(source))

    def _text_of(self, nodes: Sequence[Any]) -> str | None:
        # None is left to the rule of the field, because "None" in a group would be useless.
        return None if _only(nodes) is None else _joined(nodes)

    def _nodes(self, source: str) -> Sequence[Any]:
        """The parts of a rendered template: texts, and in a native environment also other values."""
        if not self._holds_jinja(source):
            return [source]
        template = self._text_env.from_string(source)
        # Not a copy of the context: that would read each of its keys, and Airflow 2 warns of the deprecated ones.
        names: Any = ChainMap({}, self.context, template.globals)  # type: ignore[arg-type]
        return list(template.root_render_func(template.new_context(names, shared=True)))

    def _holds_jinja(self, source: str) -> bool:
        # With the marks of this environment: a DAG may define others.
        env = self.env
        marks = (env.variable_start_string, env.block_start_string, env.comment_start_string)
        return any(mark and mark in source for mark in (*marks, env.line_statement_prefix, env.line_comment_prefix))

    @cached_property
    def _is_native(self) -> bool:
        # Recognised by its name: the module is loaded only where a DAG renders to native objects.
        return any(kind.__name__ == "NativeEnvironment" for kind in type(self.env).__mro__)

    @cached_property
    def _text_env(self) -> jinja2.Environment:
        if not self._is_native:
            return self.env
        env = self.env.overlay()
        # The results of macros and blocks in the template are text as well.
        env.concat = _joined  # type: ignore[method-assign]
        return env

    def _json(self, path: str, source: str) -> Any:
        try:
            shape = json.loads(source)
        except ValueError:
            shape = None
        if shape is not None:
            # Rendering each text by itself keeps quotes and newlines in the values from breaking the JSON.
            return self.value(shape)
        try:
            return json.loads(self.text(source))
        except json.JSONDecodeError as error:
            raise InvalidMessageError(
                f"The template file {path!r} is not JSON: {error}.", "Correct the file. 请修正该文件。"
            ) from None


def _source_of(path: str, env: jinja2.Environment) -> str | None:
    """The text of a template file, or ``None`` if there is none and the path may be meant as text.

    It is searched where Airflow searches templates, beside the DAG file and in ``template_searchpath``; an absolute
    path is read from this machine.
    """
    import jinja2

    try:
        if path.startswith("/") and os.path.isfile(path):
            return Path(path).read_text(encoding="utf-8").removesuffix("\n")
        return (env.loader or jinja2.DictLoader({})).get_source(env, path)[0].removesuffix("\n")
    except jinja2.TemplateNotFound:
        if _may_be_words(path):
            return None
        raise InvalidMessageError(
            f"There is no template file {path!r} beside the DAG file or in its template_searchpath.",
            f"Correct the path; to send it as text, write Text({path!r}). "
            f"请修正路径；如果要原样发送这段文字，请写 Text({path!r})。",
        ) from None
    except (OSError, ValueError) as error:  # no permission to read it, or not UTF-8
        raise InvalidMessageError(
            f"The template file {path!r} can't be read ({type(error).__name__}).",
            "Save it as UTF-8, readable by this process. 请存为 UTF-8，并确保进程有权读取。",
        ) from None


def _title(text: str) -> str:
    heading = re.search(_HEADING, text)
    line = heading.group(1) if heading else next((line.strip() for line in text.splitlines() if line.strip()), "")
    return re.sub(_MARKUP, r"\1", line).strip()[:_MOST_TITLE_CHARACTERS] or "Airflow"
