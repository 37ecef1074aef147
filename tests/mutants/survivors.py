"""The mutants that may survive, and the share of the others that must be killed."""

from pathlib import Path

LEAST = 95  # percent
_FILE = Path(__file__).with_name("survivors.txt")


def excused() -> set[str]:
    """Return the mutants that may survive: each with its reason in the line below it."""
    lines = _FILE.read_text().splitlines()
    return {line for line in lines if line and not line.startswith(("#", "  "))}


def summary(part: str, *, killed: int, reasoned: int, unexplained: int) -> tuple[str, bool]:
    """Return a line for the reader, and whether the result is good enough."""
    tried = killed + reasoned + unexplained
    share = 100 * killed / tried if tried else 100
    line = (
        f"{part}: {tried} mutants, {killed} killed ({share:.1f} %),"
        f" {reasoned} survived for a reason, {unexplained} without one"
    )
    return line, share >= LEAST and not unexplained
