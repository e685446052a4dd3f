"""Rules for the fields of messages: declared once per field, and worded as the API words a refusal that names it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_dingpush.sandbox.model import MediaKind, Medium, RefusedError
from airflow_provider_dingpush.sandbox.oapi_dialect import invalid, missing, refusal
from airflow_provider_dingpush.sandbox.v1_dialect import refusal as v1_refusal


@dataclass(frozen=True)
class Media:
    """The media that the sender of a message may name; ``find`` returns one by its id."""

    find: Callable[[str], Medium | None] = lambda _: None

    def url_of(self, address: str) -> str:
        """Return the path under which the chat page finds a medium; URLs are left as they are."""
        medium = self.find(address)
        return address if medium is None else medium.path

    def in_markdown(self, text: str) -> str:
        """Return markdown with the pictures that are named by media id, which works as developers report."""
        return re.sub(r"(!\[[^\]]*\]\()([@$][^)\s]+)\)", lambda found: f"{found[1]}{self.url_of(found[2])})", text)


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """How one generation of APIs refuses a field; each takes the path of the field."""

    missing: Callable[[str], RefusedError]
    invalid: Callable[[str], RefusedError]
    unknown_medium: Callable[[str], RefusedError]


OAPI = Refusals(missing=missing, invalid=invalid, unknown_medium=lambda _: refusal(40007, "不合法的媒体文件id"))
V1 = Refusals(
    missing=lambda path: v1_refusal(400, f"miss.param.{path}", f"消息内容不合法，需要{path}属性"),
    invalid=lambda path: v1_refusal(400, "invalidParameter.param.invalid", f"参数不合法: {path}"),
    unknown_medium=lambda path: v1_refusal(400, "invalidParameter.param.invalid", f"参数不合法: {path}"),
)


@dataclass(frozen=True)
class Fields:
    """The fields of one JSON object; ``path`` precedes their names in refusals.

    Every method raises `RefusedError`.
    """

    values: dict[str, Any]
    refusals: Refusals
    path: str = ""
    media: Media = Media()

    def check(self, rules: Rules) -> None:
        """Apply a rule to each of the named fields, in this order."""
        for name, rule in rules.items():
            rule(self, name)

    def text(self, name: str, *, required: bool = True) -> str:
        """Return a field that is text; an optional one may be missing or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            if required:
                raise self.missing(name)
            return ""
        if not isinstance(value, str):
            raise self.invalid(name)
        return value

    def part(self, name: str) -> Fields:
        """Return the fields of a field that is an object."""
        value = self.values.get(name)
        if value is None:
            raise self.missing(name)
        if not isinstance(value, dict):
            raise self.invalid(name)
        return Fields(value, self.refusals, f"{self.path}{name}.", self.media)

    def parts(self, name: str) -> list[Fields]:
        """Return the fields of each object in a list, of which there must be at least one."""
        values = self.values.get(name)
        if values is None or values == []:
            raise self.missing(name)
        if not isinstance(values, list):
            raise self.invalid(name)
        parts = []
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise self.invalid(f"{name}[{index}]")
            parts.append(Fields(value, self.refusals, f"{self.path}{name}[{index}].", self.media))
        return parts

    def missing(self, name: str) -> RefusedError:
        return self.refusals.missing(self.path + name)

    def invalid(self, name: str) -> RefusedError:
        return self.refusals.invalid(self.path + name)

    def too_long(self, name: str, length: int, most: int) -> RefusedError:
        return refusal(34016, f"会话消息的内容超长: {self.path}{name}, {length} > {most}")


Rule = Callable[[Fields, str], None]
Rules = dict[str, Rule]


def text(fields: Fields, name: str) -> None:
    """Demand text."""
    fields.text(name)


def optional_text(fields: Fields, name: str) -> None:
    """Demand text if there is anything."""
    fields.text(name, required=False)


def at_most(length: int, *, required: bool = True) -> Rule:
    """Demand text of at most ``length`` characters."""

    def rule(fields: Fields, name: str) -> None:
        value = fields.text(name, required=required)
        if len(value) > length:
            raise fields.too_long(name, len(value), length)

    return rule


def matching(pattern: str, *, required: bool = True) -> Rule:
    """Demand text that a regular expression matches as a whole."""

    def rule(fields: Fields, name: str) -> None:
        value = fields.text(name, required=required)
        if value and not re.fullmatch(pattern, value, re.ASCII):
            raise fields.invalid(name)

    return rule


def medium(kind: MediaKind, *endings: str, required: bool = True, max_bytes: int | None = None) -> Rule:
    """Demand the id of an uploaded medium of a kind, with one of these endings if any are given."""

    def rule(fields: Fields, name: str) -> None:
        media_id = fields.text(name, required=required)
        if not media_id:
            return
        found = fields.media.find(media_id)
        if found is None or found.kind != kind or (endings and found.ending not in endings):
            raise fields.refusals.unknown_medium(fields.path + name)
        if max_bytes is not None and found.size > max_bytes:
            raise refusal(40006, "不合法的文件大小")

    return rule


def picture(*, required: bool = True) -> Rule:
    """Demand the URL of a picture or the id of an uploaded one."""
    uploaded = medium("image", required=required)

    def rule(fields: Fields, name: str) -> None:
        if not re.match(r"https?://", fields.text(name, required=required), re.IGNORECASE):
            uploaded(fields, name)

    return rule


def part(rules: Rules, *, required: bool = True) -> Rule:
    """Demand an object whose fields obey ``rules``."""

    def rule(fields: Fields, name: str) -> None:
        if required or fields.values.get(name) is not None:
            fields.part(name).check(rules)

    return rule


def each(rules: Rules, *, required: bool = True, most_characters: int | None = None) -> Rule:
    """Demand a list of objects whose fields obey ``rules``, as JSON of at most ``most_characters``."""

    def rule(fields: Fields, name: str) -> None:
        if not required and fields.values.get(name) is None:
            return
        parts = fields.parts(name)
        for one in parts:
            one.check(rules)
        size = len(json.dumps([one.values for one in parts], ensure_ascii=False, separators=(",", ":")))
        if most_characters is not None and size > most_characters:
            raise fields.too_long(name, size, most_characters)

    return rule


def either(rules: Rules, otherwise: Rules) -> Rule:
    """Demand that the fields obey ``rules`` if one of those is given, or else the others."""

    def rule(fields: Fields, name: str) -> None:  # noqa: ARG001 - it is about several fields
        fields.check(rules if any(fields.values.get(each_name) for each_name in rules) else otherwise)

    return rule
