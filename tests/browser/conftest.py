"""One site for all tests of a file, and one browser.

The tests are marked `django_db` for the database to be there at all. Playwright runs an event loop
in their thread, in which Django would refuse to undo what a test has written: these write nothing.
"""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker

from tests.accounts import chromium
from tests.browser.scene import Scene, scene
from tests.databases import empty
from tests.fakes.stripe_process import StripeProcess
from tests.fakes.upstream_process import UpstreamProcess


@pytest.fixture(scope="module")
def site(
    upstream: UpstreamProcess,
    stripe_process: StripeProcess,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        for name in ("STRIPE_SECRET_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET"):
            patch.setattr(settings, name, getattr(settings, name))  # restored afterwards
        empty()
        try:
            with scene(upstream, stripe_process) as made:
                yield made
        finally:
            empty()


@pytest.fixture(scope="module")
def browser(site: Scene) -> Iterator[Browser]:
    with chromium.chromium() as started:
        yield started
        # Beside Playwright's event loop this thread has connections of its own, which would be
        # missing from the pool afterwards.
        connections.close_all()
