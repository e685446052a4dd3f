"""Messages written as Jinja: in a str, in the fields of a message, or in a template file."""

from __future__ import annotations

import json
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.field_rules import holds_jinja
from airflow_provider_dingpush.messages.kinds import Markdown, Text
from airflow_provider_dingpush.messages.plain_forms import is_ours, rebuilt

if TYPE_CHECKING:
    import jinja2

_TEMPLATE_FILE = re.compile(r"[^\s{}]+\.(?:md|json|txt)")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
# Not the underscore: ids are full of them, and as emphasis it is rare.
_MARKUP = re.compile(r"</?[A-Za-z][^>]*>|[*`]|!?\[([^\]]*)\]\([^)]*\)")
_MOST_TITLE_CHARACTERS = 64


def is_template_file(value: object) -> bool:
    """Whether a str is the path of a template: the whole of it one path to a .md, .json or .txt file.

    Blanks or braces make it a sentence or a template of its own: "see report.md" is what it says.
    """
    return isinstance(value, str) and _TEMPLATE_FILE.fullmatch(value) is not None


def is_constant(message: object) -> bool:
    """Whether a message says the same each time: it holds no Jinja, and isn't a file or the output of a task."""
    texts: list[str] = []

    def collect(value: Any) -> Any:
        if isinstance(value, Mapping):
            collect(list(value.values()))
        elif isinstance(value, (list, tuple)):
            for each in value:
                collect(each)
        elif is_ours(value):
            rebuilt(value, collect)
        elif isinstance(value, str):
            texts.append(value)
        return value

    if not (isinstance(message, (str, Mapping)) or is_ours(message)) or is_template_file(message):
        return False
    collect(message)
    return not any(holds_jinja(each) for each in texts)


def rendered_file(path: str, jinja_env: jinja2.Environment, render: Callable[[Any], Any]) -> Any:
    """The message that a template file makes.

    ``.md`` makes a Markdown titled by its first heading, ``.json`` a dict of DingTalk's shape, ``.txt`` a Text.

    :param path: looked for where Airflow looks for templates: beside the DAG file and in ``template_searchpath``.
    :param render: renders the text of the file, or each text in its JSON.
    :raises InvalidMessageError: if there is no such file, or it isn't JSON where it should be.
    """
    import jinja2

    try:
        loader = jinja_env.loader or jinja2.DictLoader({})
        source, _, _ = loader.get_source(jinja_env, path)
    except jinja2.TemplateNotFound:
        raise InvalidMessageError(
            f"There is no template file {path!r} beside the DAG file or in its template_searchpath.",
            f"Correct the path; to send these very words, write Text({path!r}).",
        ) from None
    if path.endswith(".json"):
        return _rendered_json(path, source, render)
    text = str(render(source))
    return Markdown(title=_title(text), text=text) if path.endswith(".md") else Text(text)


def rendered(value: Any, jinja_env: jinja2.Environment, context: Mapping[str, Any]) -> Any:
    """Render a message or mention for a callback, whose environment may be a native one. Changes nothing in place.

    :param value: a str, which may name a template file, a dict or list of them, or a message.
    """

    def render(inner: Any) -> Any:
        if isinstance(inner, str):
            return _rendered_text(inner, jinja_env, context)
        if isinstance(inner, Mapping):
            return {key: render(each) for key, each in inner.items()}
        if isinstance(inner, (list, tuple)):
            return [render(each) for each in inner]
        return rebuilt(inner, render) if is_ours(inner) else inner

    return rendered_file(value, jinja_env, render) if is_template_file(value) else render(value)


def _rendered_text(source: str, jinja_env: jinja2.Environment, context: Mapping[str, Any]) -> Any:
    template = jinja_env.from_string(source)
    # Not a copy of the context: that would read each of its keys, and Airflow 2 warns of the deprecated ones.
    names: Any = ChainMap({}, context, template.globals)  # type: ignore[arg-type]
    return jinja_env.concat(template.root_render_func(template.new_context(names, shared=True)))


def _rendered_json(path: str, source: str, render: Callable[[Any], Any]) -> Any:
    try:
        shape = json.loads(source)
    except ValueError:
        shape = None
    if shape is not None:
        # Rendering each text by itself keeps quotes and newlines in the values from breaking the JSON.
        return render(shape)
    try:
        return json.loads(render(source))
    except json.JSONDecodeError as error:
        raise InvalidMessageError(f"The template file {path!r} is not JSON: {error}.") from None


def _title(text: str) -> str:
    heading = _HEADING.search(text)
    line = heading.group(1) if heading else next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _MARKUP.sub(r"\1", line).strip()[:_MOST_TITLE_CHARACTERS] or "Airflow"
