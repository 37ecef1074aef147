"""dj-stripe's migrations, with a quick way for a fresh database (MIGRATION_MODULES).

Its own build the tables of 2020, and then alter and drop hundreds of columns: minutes, where this
takes seconds. The squashed migration here replaces them, and ends in the same tables. Those that
later versions of dj-stripe bring are found beside it, as is what it replaces.
"""

from pathlib import Path

import djstripe

__path__ = [*__path__, str(Path(djstripe.__file__).parent / "migrations")]
