"""The extra fields of Airflow 2's connection form, which is HTML made with WTForms; loaded only by its web server.

Airflow 2 takes exactly WTForms' own classes of fields, so that only the widgets can differ. Every field stores a
string: Airflow 2 doesn't fill in a stored JSON ``false``, and would store the default in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
from flask_babel import lazy_gettext
from markupsafe import Markup
from wtforms import PasswordField, StringField
from wtforms.validators import Optional
from wtforms.widgets import html_params

from airflow_provider_dingpush.connection_values import STORED_SECRET_PLACEHOLDER


def widget_of(label: str, description: str, schema: Mapping[str, Any]) -> Any:
    """The form field for an extra field.

    :param label: shown beside it.
    :param description: shown below it.
    :param schema: the JSON schema of its value.
    """
    named = {"validators": [Optional()], "description": description}
    kind, shown = schema["type"][0], lazy_gettext(label)
    if schema.get("format") == "password":
        return PasswordField(shown, widget=StoredSecretWidget(), **named)
    if kind == "boolean":
        return StringField(shown, widget=Checkbox(schema.get("default", False)), **named)
    if "enum" in schema:
        choices = schema.get("values_display") or {each: each for each in schema["enum"]}
        return StringField(shown, widget=Choice(choices), **named)
    limits: dict[str, Any] = {}
    if kind in ("integer", "number"):
        step = 1 if kind == "integer" else "any"
        limits = {"type": "number", "step": step, "min": schema.get("minimum", 0), "max": schema["maximum"]}
    return StringField(shown, widget=BS3TextFieldWidget(), render_kw=limits, **named)


class Checkbox:
    """A checkbox that sends ``true`` or ``false``.

    :param default: whether it is checked if nothing is stored.
    """

    def __init__(self, default: bool) -> None:
        self._default = default

    def __call__(self, form_field: Any, **attributes: Any) -> Any:
        """The HTML of the field."""
        word = str(form_field.data or self._default).strip().lower()
        named = {"id": form_field.id, **attributes, "name": form_field.name, "type": "checkbox", "value": "true"}
        checkbox = html_params(**named, checked=word in ("true", "1", "yes"))
        # A browser sends nothing for an empty checkbox; of two values WTForms takes the first.
        empty = html_params(type="hidden", name=form_field.name, value="false")
        return Markup(f"<input {checkbox}><input {empty}>")  # noqa: S704 - both are escaped


class Choice:
    """A list of words, of which none or one is selected.

    :param choices: what each word is shown as.
    """

    def __init__(self, choices: Mapping[str, str]) -> None:
        self._choices = choices

    def __call__(self, form_field: Any, **attributes: Any) -> Any:
        """The HTML of the field."""
        named = {"id": form_field.id, **attributes, "name": form_field.name, "class": "form-control"}
        options = [
            Markup("<option {}>{}</option>").format(
                Markup(html_params(value=word, selected=word == (form_field.data or ""))),  # noqa: S704 - escaped
                shown,
            )
            for word, shown in {"": "–", **self._choices}.items()
        ]
        return Markup("<select {}>{}</select>").format(Markup(html_params(**named)), Markup("").join(options))  # noqa: S704


class StoredSecretWidget(BS3PasswordFieldWidget):  # type: ignore[misc,unused-ignore]
    """Shows Airflow 2's placeholder for a stored secret: an empty field would erase it on saving."""

    def __init__(self) -> None:
        super().__init__(hide_value=False)

    def __call__(self, form_field: Any, **attributes: Any) -> Any:
        """The HTML of the field."""
        stored = STORED_SECRET_PLACEHOLDER if form_field.data else ""
        return super().__call__(form_field, **{**attributes, "value": stored})
