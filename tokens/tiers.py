"""The initial tiers, and reading a tier's rules."""

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from tokens.limits.states import Limits
from tokens.models import Tier

DEFAULT_TIER = "free"


@dataclass(frozen=True)
class TierDefaults:
    title: str
    monthly_tokens: int
    requests_per_minute: int
    tokens_per_minute: int
    concurrent_requests: int
    max_output_tokens: int
    api_keys: int
    allowed_models: list[str] = field(default_factory=lambda: ["*"])


DEFAULTS = {
    "free": TierDefaults("Free", 100_000, 60, 100_000, 4, 4_096, 2),
    "pro": TierDefaults("Pro", 5_000_000, 120, 400_000, 10, 16_384, 10),
    "enterprise": TierDefaults("Enterprise", 50_000_000, 1_000, 4_000_000, 100, 65_536, 100),
}


def seed_tiers() -> list[str]:
    """Create the missing tiers; changes by staff are kept. Returns the new names."""
    return [name for name in DEFAULTS if _seed(name)[1]]


def default_tier() -> Tier:
    """Return the tier of users without a plan. It is created on the first call."""
    return _seed(DEFAULT_TIER)[0]


@lru_cache(maxsize=4096)
def allows(patterns: tuple[str, ...], model: str) -> bool:
    """Return whether one of a tier's patterns (``openai/*``) matches the model."""
    return any(fnmatchcase(model, pattern) for pattern in patterns)


def limits_of(tier: Tier, *, key_requests_per_minute: int | None = None) -> Limits:
    """Return the limits of a tier per minute and at once, with a key's own limit if it has one."""
    return Limits(
        requests_per_minute=tier.requests_per_minute,
        tokens_per_minute=tier.tokens_per_minute,
        concurrent_requests=tier.concurrent_requests,
        key_requests_per_minute=key_requests_per_minute,
    )


def _seed(name: str) -> tuple[Tier, bool]:
    return Tier.objects.get_or_create(name=name, defaults=asdict(DEFAULTS[name]))
