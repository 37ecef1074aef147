"""pytest plugin: few examples, always the same ones."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutants",
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutants")
