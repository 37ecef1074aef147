"""Texts of many kinds, with the counts of real tokenizers."""

import json
from pathlib import Path
from typing import Any

COUNTS: dict[str, Any] = json.loads(Path(__file__).with_name("token_counts.json").read_text())
TEXTS: dict[str, dict[str, Any]] = COUNTS["texts"]
