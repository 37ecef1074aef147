"""What `.env.example` documents: the name and default of each setting."""

import re

from tests.webserver import ROOT

EXAMPLE = ROOT / ".env.example"
DOCUMENTED = dict(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
