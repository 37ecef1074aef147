#!/usr/bin/env python
"""Django's command line.

In a development checkout it starts the embedded servers where they are needed and do not run;
beside `make run` it uses the same upstream and the same Stripe. Production has no `devserver`.
"""

import os
import sys
from importlib.util import find_spec

from django.core.management import execute_from_command_line


def _use_embedded_servers() -> None:
    from devserver import embedded

    try:
        embedded.ensure()
        embedded.join_site()
    except embedded.EmbeddedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if find_spec("devserver"):
        _use_embedded_servers()
    execute_from_command_line(sys.argv)
