"""The rules for fields of messages, mentions and targets, and the errors that name field and rule.

A rule is called with ``(where, value, rendered)`` and returns the value to store. ``where`` is the field's name for the
error, such as ``Text.content``. A string that still holds Jinja (``{{``, ``{%`` or ``{#``) is checked for its type
only, because its value isn't known yet; ``rendered=True`` means that it was rendered and every rule applies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from numbers import Real
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dingpush.errors import InvalidMessageError
from airflow_provider_dingpush.messages.input_text import edges_clean, narrow, visible

Rule = Callable[[str, Any, bool], Any]

_JINJA_MARKS = ("{{", "{%", "{#")
# A template of a URL may contain blanks and quotes; a rendered URL may not.
_NOT_IN_URL = re.compile(r"[\s\x00-\x1f\x7f]")
# dingtalk:// is DingTalk's documented way to choose between sidebar and browser (docs 0776, read 2026-08-22).
_LINK_SCHEMES = ("http", "https", "dingtalk")
# A media id from an upload is opaque and starts with one of these (docs 0646, read 2026-08-22).
_MEDIA_ID_STARTS = ("@", "$")
_REPR_CHARACTERS = 40
# Python can't convert a number of more than 4,300 digits to text.
_LARGE = 10**1000


def holds_jinja(value: object) -> bool:
    """Whether the value is a string that is still to be rendered."""
    return isinstance(value, str) and any(mark in value for mark in _JINJA_MARKS)


def is_ours(value: Any) -> bool:
    """Whether the value is one of this package's frozen values, or a tuple or list with one in it."""
    if isinstance(value, (list, tuple)):
        return any(is_ours(each) for each in value)
    return (
        is_dataclass(value) and not isinstance(value, type) and all("rule" in each.metadata for each in fields(value))
    )


def is_media_id(value: object) -> bool:
    """Whether the value has the form of a media id, which an upload to DingTalk returns."""
    return isinstance(value, str) and value.startswith(_MEDIA_ID_STARTS)


def ruled(rule: Rule, *, shown: Callable[[Any], str] | None = None, address: bool = False) -> dict[str, Any]:
    """The metadata of a dataclass field whose values obey ``rule``.

    The field itself is declared with :func:`dataclasses.field`, from which a type checker knows the required ones.

    :param shown: how the repr shows its value, if not in the default way.
    :param address: whether it is a URL, which is opened and not read: it is never masked.
    """
    return {"rule": rule, **({"shown": shown} if shown else {}), **({"address": True} if address else {})}


def apply_rules(instance: Any, *, rendered: bool = False) -> None:
    """Check every field of a frozen dataclass and store the normalised values.

    :raises InvalidMessageError: naming the field and the rule.
    """
    kind = type(instance).__name__
    for each in fields(instance):
        value = each.metadata["rule"](f"{kind}.{each.name}", getattr(instance, each.name), rendered)
        object.__setattr__(instance, each.name, value)


def refuse_task_output(where: str, value: object) -> None:
    """Refuse an XComArg: Airflow looks for dependencies in operator arguments, not inside an object's fields.

    The classes are recognised by name, because this package doesn't import Airflow.
    """
    if any(kind.__name__ in ("XComArg", "ResolveMixin") for kind in type(value).__mro__):
        raise InvalidMessageError(
            f"{where} is a task's output, which Airflow can't see inside an object.",
            "Pass the whole argument as that output (message=upstream.output, to=upstream.output), or write "
            "{{ ti.xcom_pull(task_ids='upstream') }} into the field.",
        )


def text(where: str, value: object, rendered: bool) -> str:
    """Rule: a non-blank string that UTF-8 can encode; numbers, which native Jinja rendering makes, become strings."""
    value = _string(where, value)
    if not rendered and holds_jinja(value):
        return value
    if not value.strip():
        raise InvalidMessageError(f"{where} is empty; DingTalk refuses a message without it.")
    return value


def url(where: str, value: object, rendered: bool) -> str:
    """Rule: an http, https or dingtalk URL with a host."""
    value = edges_clean(text(where, value, rendered))
    if not rendered and holds_jinja(value):
        return value
    try:
        parts = urlsplit(value)
        complete = parts.scheme.lower() in _LINK_SCHEMES and bool(parts.netloc) and not _NOT_IN_URL.search(value)
    except ValueError:
        complete = False
    if not complete:
        raise InvalidMessageError(
            f"{where} must be a complete http://, https:// or dingtalk:// URL, not {as_shown(value)}."
        )
    return value


def image_url(where: str, value: object, rendered: bool) -> str:
    """Rule: the URL of an image, or the media id that an upload to DingTalk returned."""
    if is_media_id(value):
        return text(where, value, rendered)
    return url(where, value, rendered)


def optional(rule: Rule) -> Rule:
    """Rule: ``None``, or what the other rule allows."""

    def check(where: str, value: object, rendered: bool) -> Any:
        return None if value is None else rule(where, value, rendered)

    return check


def flag(where: str, value: object, rendered: bool) -> bool | str:
    """Rule: true or false, also as a string ("true", "no", "1"), as in templates and connection extras."""
    refuse_task_output(where, value)
    if isinstance(value, bool):
        return value
    if not rendered and holds_jinja(value):
        return str(value)
    word = str(value).strip().lower() if isinstance(value, (str, int)) else None
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", ""):
        return False
    raise InvalidMessageError(
        f"{where} must be true or false, not {as_shown(value)}.",
        problem_zh=f"{where} 应为 true 或 false，而不是 {as_shown(value)}。",
    )


def one_or_more(item: Rule, *, least: int = 0, unique: bool = False) -> Rule:
    """Rule: a tuple of values that ``item`` allows; a single value counts as a list of one.

    :param least: how many there must be.
    :param unique: keep only the first of equal ones.
    """

    def check(where: str, value: Any, rendered: bool) -> tuple[Any, ...]:
        refuse_task_output(where, value)
        alone = isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable)
        # A template inside a list may itself render to a list (render_template_as_native_obj).
        items = [value] if alone else [part for each in value for part in (each if isinstance(each, list) else [each])]
        kept = tuple(item(f"{where}[{index}]", each, rendered) for index, each in enumerate(items))
        if len(kept) < least:
            raise InvalidMessageError(
                f"{where} needs at least {least}, but has {len(kept)}.",
                problem_zh=f"{where} 至少需要 {least} 项，现有 {len(kept)} 项。",
            )
        return tuple(dict.fromkeys(kept)) if unique else kept

    return check


def identifier(tidied: Callable[[str], str]) -> Callable[[str, Any, bool], str]:
    """Rule: one id: no blank, no comma, no ``@``; a whole number of any type becomes its digits.

    :param tidied: removes characters that were pasted with such an id.
    """

    def check(where: str, value: object, rendered: bool) -> str:
        value = _string(where, _digits_of(where, value))
        if not rendered and holds_jinja(value):
            return value.strip()
        return _one_identifier(where, tidied(value))

    return check


def _tidied_user_id(value: str) -> str:
    from airflow_provider_dingpush.messages.phone_numbers import plain_digits

    return plain_digits(narrow(visible(value)).strip())


user_id = identifier(_tidied_user_id)
"""Rule: a DingTalk user id (``userid``)."""


def mobile(where: str, value: object, rendered: bool) -> str:
    """Rule: a mobile number, which is converted to DingTalk's form."""
    from airflow_provider_dingpush.messages.phone_numbers import mobile_or_digits

    value = _string(where, _digits_of(where, value))
    if not rendered and holds_jinja(value):
        return value.strip()
    number = mobile_or_digits(value)
    if number is None:
        kept = _one_identifier(where, visible(value).strip())
        raise InvalidMessageError(
            f"{where} must be a mobile number, not {as_shown(kept)}.",
            'Write it as "13800000000", or with its country as "+852-51234567"; a user id belongs in user_ids. '
            "手机号请写成 13800000000，境外号码写成 +852-51234567；userId 请写在 user_ids 中。",
            problem_zh=f"{where} 应为手机号，而不是 {as_shown(kept)}。",
        )
    return number


def _digits_of(where: str, value: object) -> object:
    """A number as its digits; anything else unchanged."""
    refuse_task_output(where, value)
    if isinstance(value, str) or value is None:
        return value
    from airflow_provider_dingpush.messages.phone_numbers import whole_number

    digits = whole_number(value)
    if digits is None and isinstance(value, (int, float, Real, Decimal)):
        raise InvalidMessageError(
            f"{where} must be a whole number or text, not {as_shown(value)}.",
            "Pass an id of many digits as text: a float can't hold them all. 位数多的 ID 请以字符串传入。",
            problem_zh=f"{where} 应为整数或文本，而不是 {as_shown(value)}。",
        )
    return value if digits is None else digits


def _one_identifier(where: str, value: str) -> str:
    if not value:
        raise InvalidMessageError(
            f"{where} is empty; DingTalk refuses a message without it.",
            problem_zh=f"{where} 为空，钉钉不接受这样的消息。",
        )
    if re.search(r"[\s,@]", value) or holds_jinja(value):
        raise InvalidMessageError(
            f"{where} must be one id or number without blanks, commas or '@', not {as_shown(value)}.",
            "Pass several as a list. 多个请写成列表。",
            problem_zh=f"{where} 应为单个 ID 或号码，不含空格、逗号和 @，而不是 {as_shown(value)}。",
        )
    return value


def value_of(kind: type) -> Rule:
    """Rule: a value of this dataclass, or its plain dict."""

    def check(where: str, value: Any, rendered: bool) -> Any:
        refuse_task_output(where, value)
        if isinstance(value, Mapping):
            value = from_shape(kind, where, value)
        if not isinstance(value, kind):
            raise InvalidMessageError(f"{where} must be a {kind.__name__}, not {as_shown(value)}.")
        apply_rules(value, rendered=rendered)
        return value

    return check


def from_shape(kind: Any, where: str, shape: Mapping[str, Any]) -> Any:
    """Build a value of a dataclass from a dict whose keys are DingTalk's names (``kind.names``) or our own.

    A kind may have ``aliases``, which are other names in DingTalk's APIs.

    :raises InvalidMessageError: for keys that are unknown, missing, or given in both spellings.
    """
    fields_by_key = {**getattr(kind, "aliases", {}), **kind.names, **{own: own for own in kind.names.values()}}
    unknown = sorted(str(key) for key in shape if key not in fields_by_key)
    if unknown:
        raise InvalidMessageError(
            f"{where} has unknown keys {unknown}; known are {sorted(fields_by_key)}.",
            problem_zh=f"{where} 中没有 {unknown} 这样的键，可用的键：{sorted(fields_by_key)}。",
        )
    values = {fields_by_key[key]: each for key, each in shape.items()}
    if len(values) < len(shape):
        raise InvalidMessageError(
            f"{where} has a field twice, in DingTalk's spelling and in ours: {sorted(shape)}.",
            problem_zh=f"{where} 的同一字段用两种名称写了两次：{sorted(shape)}。",
        )
    needed = {each.name for each in fields(kind) if each.default is MISSING}
    lacking = sorted(theirs for theirs, own in kind.names.items() if own in needed and own not in values)
    if lacking:
        raise InvalidMessageError(f"{where} lacks {lacking}.", problem_zh=f"{where} 缺少 {lacking}。")
    return kind(**values)


def to_shape(instance: Any) -> dict[str, Any]:
    """The opposite: the fields that have a value, under DingTalk's names."""
    pairs = ((theirs, getattr(instance, own)) for theirs, own in type(instance).names.items())
    return {theirs: value for theirs, value in pairs if value is not None}


def short_repr(instance: Any) -> str:
    """A repr that is the same in every process and short enough for a serialized DAG."""
    shown = ", ".join(
        f"{each.name}={each.metadata.get('shown', as_shown)(getattr(instance, each.name))}" for each in fields(instance)
    )
    return f"{type(instance).__name__}({shown})"


def _string(where: str, value: object) -> str:
    refuse_task_output(where, value)
    if isinstance(value, (int, float)):
        if abs(value) >= _LARGE and isinstance(value, int):
            raise _not_text(where, value)
        value = str(value)
    if value is None:
        raise InvalidMessageError(
            f"{where} is None.",
            "If a template rendered to it, add a default: {{ value or 'unknown' }}. "
            "若由模板渲染而来，请加默认值：{{ value or 'unknown' }}。",
            problem_zh=f"{where} 为空值（None）。",
        )
    if not isinstance(value, str):
        raise _not_text(where, value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidMessageError(
            f"{where} contains a lone surrogate (half a character) at position {error.start}, which can't be sent.",
            "Fix the text where it is read, for example with .encode('utf-8', 'replace').decode('utf-8'). "
            "请在读取文本处修正，例如 .encode('utf-8', 'replace').decode('utf-8')。",
            problem_zh=f"{where} 的第 {error.start} 个字符是半个字符（孤立的代理码点），无法发送。",
        ) from None
    return value


def _not_text(where: str, value: object) -> InvalidMessageError:
    return InvalidMessageError(
        f"{where} must be text, not {as_shown(value)}.", problem_zh=f"{where} 应为文本，而不是 {as_shown(value)}。"
    )


def as_shown(value: object, depth: int = 3) -> str:
    """A value for an error or a repr: short, the same in every process, and never an error itself."""
    if isinstance(value, (list, tuple)):
        if depth == 0:
            return "[…]"
        return f"[{', '.join(as_shown(each, depth - 1) for each in value[:3])}{', …' if len(value) > 3 else ''}]"
    if isinstance(value, str):
        return (
            repr(value)
            if len(value) <= _REPR_CHARACTERS
            else f"{value[:_REPR_CHARACTERS]!r}… ({len(value)} characters)"
        )
    if isinstance(value, int) and abs(value) >= _LARGE:
        return "a number with very many digits"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    # Another object's repr may hold a memory address, which would differ in every process.
    is_of_package = type(value).__module__.partition(".")[0] == __name__.partition(".")[0]
    return repr(value) if is_of_package and is_dataclass(type(value)) else f"a {type(value).__name__}"
