"""The packs of a new installation."""

from billing.models import Pack

DEFAULTS = {
    "small": {"tokens": 1_000_000, "price": 500, "position": 0},
    "medium": {"tokens": 5_000_000, "price": 2_200, "position": 1},
    "large": {"tokens": 20_000_000, "price": 8_000, "position": 2},
}


def seed_packs() -> list[str]:
    """Create the packs of a site that has none; staff change and remove them. Returns the names."""
    if Pack.objects.exists():
        return []
    packs = [Pack(name=name, **fields) for name, fields in DEFAULTS.items()]
    return [pack.name for pack in Pack.objects.bulk_create(packs)]
