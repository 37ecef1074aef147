"""Operations for migrations, beside Django's own."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import AlterField
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class AlterFields(Operation):
    """Alter many fields as ``AlterField`` does each, and make the models anew only once.

    Django makes all models that are related anew for each field, which are most of a project's: for
    a hundred fields that takes seconds.
    """

    def __init__(self, fields: Sequence[AlterField]) -> None:
        self.fields = fields

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        # What is made of the models: Django makes it again when it is next needed.
        vars(state).pop("apps", None)
        for field in self.fields:
            field.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for field in self.fields:
            field.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        for field in reversed(self.fields):
            field.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"Alter {len(self.fields)} fields"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.fields], {}
