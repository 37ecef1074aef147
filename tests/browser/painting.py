"""`make bench-pages`: when each page's largest content is painted, in a real browser.

The largest contentful paint of the Web Vitals, cold (an empty cache) and with the fonts and styles
cached, of the median of some visits.
"""

import os
import statistics
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.accounts import chromium
from tests.browser.pages import DESKTOP, PHONE, PORTAL, PUBLIC, sign_in
from tests.browser.scene import Scene
from tests.load.sections import machine, write_section

pytestmark = [
    chromium.needed,
    pytest.mark.django_db,
    pytest.mark.skipif("BENCH_PAGES" not in os.environ, reason="runs in make bench-pages"),
]
VISITS = 5
_PAINTED = """() => new Promise(done => new PerformanceObserver(
    (list) => done(list.getEntries().at(-1).startTime)
).observe({type: 'largest-contentful-paint', buffered: true}))"""
_INTRODUCTION = """\
## Painting of pages

Measured by `make bench-pages` ({machine}; shared with other work): when the largest content of a
page is painted (the Web Vitals' LCP), in milliseconds from the click, in Chromium on the same
machine. Medians of {visits} visits to each of the {pages} pages for visitors and users; cold means
with an empty cache.

| window | cold: median page | cold: slowest page | cached: median page | cached: slowest page |
|---|---|---|---|---|
"""


def test_pages_are_painted(browser: Browser, site: Scene) -> None:
    rows = [_row(browser, site, "desktop", DESKTOP), _row(browser, site, "phone", PHONE)]
    known = _INTRODUCTION.format(machine=machine(), visits=VISITS, pages=len(PUBLIC) + len(PORTAL))
    section = known + "\n".join(rows) + "\n"
    write_section(Path(os.environ["BENCH_PAGES"]), "painting", section)


def _row(browser: Browser, site: Scene, name: str, window: ViewportSize) -> str:
    context, other = (browser.new_context(base_url=site.url, viewport=window) for _ in "12")
    visitor, user = context.new_page(), sign_in(other, site.email)
    pages = [(visitor, path) for path in PUBLIC.values()]
    pages += [(user, path) for path in PORTAL.values()]
    cells = []
    for cold in (True, False):
        times = {path: _visits(page, path, cold=cold) for page, path in pages}
        slowest = max(times, key=lambda path: times[path])
        cells += [f"{statistics.median(times.values()):.0f}", f"{times[slowest]:.0f} (`{slowest}`)"]
    context.close()
    other.close()
    return f"| {name} | {' | '.join(cells)} |"


def _visits(page: Page, path: str, *, cold: bool) -> float:
    session = page.context.new_cdp_session(page)
    times = []
    for _ in range(VISITS):
        if cold:
            session.send("Network.clearBrowserCache")
        page.goto(path)
        times.append(float(page.evaluate(_PAINTED)))
    session.detach()
    return statistics.median(times)
