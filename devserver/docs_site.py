"""`make docs`: the documentation as files, for any web server, in site/.

The pages are those that the product shows at /docs/, without its menu of the portal.
"""

import shutil
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.test import Client

from core.env import BASE_DIR

FOLDER = BASE_DIR / "site"


def build(folder: Path) -> list[Path]:
    """Write every page and every static file that they need; return the pages."""
    from portal.docs import library
    from portal.docs.contents import Audience

    shutil.rmtree(folder, ignore_errors=True)
    pages = [_page(folder, library.url_of(name)) for name in library.names(Audience.EVERYONE)]
    for finder in get_finders():
        for name, storage in finder.list(["*.map"]):
            prefixed = Path(getattr(storage, "prefix", None) or "", name)
            if prefixed.parts[0] in ("docs", "portal", "site"):
                _copy(Path(storage.path(name)), folder / "static" / prefixed)
    return pages


def _page(folder: Path, url: str) -> Path:
    response = Client().get(url)
    if response.status_code != 200:
        raise RuntimeError(f"{url} answers {response.status_code}")
    target = folder / url.strip("/") / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(response.content)
    return target


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    django.setup()
    settings.ALLOWED_HOSTS = ["testserver"]
    sys.stdout.write(f"{len(build(FOLDER))} pages in {FOLDER.relative_to(BASE_DIR)}/\n")
