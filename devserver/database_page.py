"""docs/database.md: the tables, their columns and how they refer to each other, from the models.

``python -m devserver.database_page`` prints the page, ``--write`` writes it; a test compares the
two. Django's and the libraries' own tables are left out.
"""

from collections.abc import Iterator
from typing import Any

import django
from django.apps import apps
from django.db.models import Field, ForeignKey, Model

from devserver.generated import write_or_print

APPS = ("accounts", "apikeys", "tokens", "billing", "llmproxy", "core")
_HEAD = """# Database

The tables of the product, written by `python -m devserver.database_page --write` from the models.
Tables of Django and its libraries are left out. [tokens.md](tokens.md) explains the ledger, and
[architecture.md](architecture.md) how the parts work together.

Times are stored in UTC. Tokens are integers; money is in the currency's smallest unit, or in USD.
"""
# Columns that mean the same in every table.
_USUAL = {
    "id": "Primary key.",
    "password": "Hash of the password.",  # nosec B105 - a description
    "last_login": "Last sign-in.",
}


def page() -> str:
    """Return the page, in Markdown: for each app a diagram, and a section for each table."""
    sections = [_HEAD.rstrip()]
    for label in APPS:
        models = list(apps.get_app_config(label).get_models())
        sections += [f"## {label}", _diagram(models), *map(_table, models)]
    return "\n\n".join(sections) + "\n"


def undocumented() -> list[str]:
    """Return the tables and columns without a description."""
    missing = []
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            if (model.__doc__ or "").startswith(f"{model.__name__}("):  # Django's own
                missing.append(model._meta.db_table)
            missing += [str(column) for column in _columns(model) if not _meaning(column)]
    return missing


def _diagram(models: list[type[Model]]) -> str:
    lines = ["```mermaid", "erDiagram"]
    for model in models:
        table = model._meta.db_table
        references = [column for column in _columns(model) if isinstance(column, ForeignKey)]
        lines += [
            f'    {_target(column)} ||--o{{ {table} : "{column.name}"' for column in references
        ]
        if not references:
            lines.append(f"    {table}")
    return "\n".join([*lines, "```"])


def _table(model: type[Model]) -> str:
    about = " ".join((model.__doc__ or "").split())
    rows = ["| column | type | null | meaning |", "|---|---|---|---|", *map(_row, _columns(model))]
    return "\n\n".join([f"### {model._meta.db_table}", about, "\n".join(rows)])


def _row(column: "Field[Any, Any]") -> str:
    optional = "yes" if column.null else ""
    return f"| `{column.column}` | {_type(column)} | {optional} | {_meaning(column)} |"


def _type(column: "Field[Any, Any]") -> str:
    if isinstance(column, ForeignKey):
        return f"→ `{_target(column)}`"
    length = f"({column.max_length})" if column.max_length else ""
    return column.get_internal_type().removesuffix("Field").lower() + length


def _target(column: "ForeignKey[Any, Any]") -> str:
    return str(column.related_model._meta.db_table)


def _meaning(column: "Field[Any, Any]") -> str:
    return str(column.help_text) or _USUAL.get(column.name, "")


def _columns(model: type[Model]) -> "Iterator[Field[Any, Any]]":
    return (field for field in model._meta.concrete_fields)


if __name__ == "__main__":
    django.setup()
    write_or_print("database.md", page())
