"""The display name of a signed-in device, from its own name or its User-Agent. Pure."""

import re

_LONGEST = 200
_ON = " on "

# The first that is found wins: each of these names those below it as well.
_PROGRAMS = {
    "Cursor": r"\bCursor/",
    "Windsurf": r"\bWindsurf/",
    "VSCodium": r"\bVSCodium/",
    "Visual Studio Code Insiders": r"\bCode - Insiders/",
    "Visual Studio Code": r"\b(Code|vscode)/",
    "Edge": r"\bEdgA?/",
    "Opera": r"\bOPR/",
    "Firefox": r"\b(Firefox|FxiOS)/",
    "Chrome": r"\b((Headless)?Chrome|CriOS)/",
    "Safari": r"\bSafari/",
}
_SYSTEMS = {
    "iOS": r"iPhone|iPad",
    "Android": r"Android",
    "Windows": r"Windows",
    "macOS": r"Macintosh|Mac OS X|\bdarwin\b",
    "Linux": r"(?i)\blinux\b",
}


def device_name(*, given: str, user_agent: str) -> str:
    """Return what the user's list of sessions shows, such as "Firefox on Linux"."""
    return (_clean(given) or _guess(user_agent))[:_LONGEST]


def program_and_system(name: str) -> tuple[str, str] | None:
    """Return the parts of a name that was guessed: ("Firefox", "Linux"); None of another one."""
    program, _, system = name.rpartition(_ON)
    return (program, system) if program in _PROGRAMS and system in _SYSTEMS else None


def _guess(user_agent: str) -> str:
    program = _first(_PROGRAMS, user_agent) or _clean(user_agent.split("/")[0])
    system = _first(_SYSTEMS, user_agent)
    return f"{program}{_ON}{system}" if program and system else program


def _first(patterns: dict[str, str], text: str) -> str:
    return next((name for name, pattern in patterns.items() if re.search(pattern, text)), "")


def _clean(text: str) -> str:
    return "".join(each for each in text if each.isprintable()).strip()
