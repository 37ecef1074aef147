#!/usr/bin/env python
"""Django's command line. Starts the embedded servers where they are needed and do not run.

Beside `make run` it knows the same upstream and the same Stripe.
"""

import os
import sys

from django.core.management import execute_from_command_line

from devserver import embedded

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        embedded.ensure()
        embedded.join_site()
    except embedded.EmbeddedError as error:
        sys.exit(str(error))
    execute_from_command_line(sys.argv)
