"""``python -m tests.upgrades.build``: run the released migrations on an empty database.

With ``--at-once``: migrate as a new installation does.
"""

import gc
import sys

import django
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.upgrades.released import APPS, released


def migrate_to_the_last_release() -> None:
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    reached = {node for node in graph.nodes if _is_released(executor, node)}
    last = [
        node
        for node in reached
        if not any(
            child.key in reached and child.key[0] == node[0]
            for child in graph.node_map[node].children
        )
    ]
    executor.migrate(last)


def _is_released(executor: MigrationExecutor, node: tuple[str, str]) -> bool:
    """Tell whether a migration has been released; those of other packages have."""
    app, name = node
    module, _ = executor.loader.migrations_module(app)
    return app not in APPS or f"{(module or '').replace('.', '/')}/{name}.py" in released()


if __name__ == "__main__":
    # Migrations make and drop 6,000 model classes. To look for garbage meanwhile takes a third of
    # the time, and to keep it 250 MB.
    gc.disable()
    django.setup()
    if "--at-once" in sys.argv:
        call_command("migrate", interactive=False, skip_checks=True, verbosity=0)
    else:
        migrate_to_the_last_release()
