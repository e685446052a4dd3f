"""The extra fields of the connection form of Airflow before 3.2, as that Airflow wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_dingpush.airflow_compat import is_airflow_3


def widget_of(label: str, description: str, schema: Mapping[str, Any]) -> Any:
    """The form field for an extra field.

    :param label: shown beside it.
    :param description: shown below it.
    :param schema: the JSON schema that Airflow 3.2 and later use.
    """
    if is_airflow_3():
        return _for_airflow_3(label, description, schema)
    from airflow_provider_dingpush.connection_widgets_airflow_2 import widget_of as for_airflow_2

    return for_airflow_2(label, description, schema)


def _for_airflow_3(label: str, description: str, schema: Mapping[str, Any]) -> Any:
    """Airflow 3.0 and 3.1 turn the field into JSON."""
    # Imported for each field: Airflow replaces these classes with its own, which know few arguments, during the call.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import Optional, any_of

    kind, shown = schema["type"][0], lazy_gettext(label)
    if kind == "boolean":
        return BooleanField(shown, default=schema.get("default"), description=description)
    if kind == "integer":
        return IntegerField(shown, validators=[Optional()], description=description)
    if schema.get("format") == "password":
        widget = BS3PasswordFieldWidget()
        return PasswordField(shown, validators=[Optional()], widget=widget, description=description)
    rules = [Optional(), any_of(schema["enum"])] if "enum" in schema else [Optional()]
    return StringField(shown, validators=rules, widget=BS3TextFieldWidget(), description=description)
