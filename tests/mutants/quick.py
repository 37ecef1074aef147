"""pytest plugin: leaves out the tests that try examples, which would take a minute for a mutant."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tries_examples = [
        one for one in items if getattr(getattr(one, "obj", None), "is_hypothesis_test", False)
    ]
    config.hook.pytest_deselected(items=tries_examples)
    items[:] = [one for one in items if one not in tries_examples]
