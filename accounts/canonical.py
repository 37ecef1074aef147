"""The mailbox behind an email address: one form for all equivalent spellings. Pure.

Only for counting (one free allowance for each mailbox): users keep the address as they wrote it.
The rules are the providers' own, as published; a rule that is missing here makes one mailbox count
as several, and a wrong one would make two people share an allowance. So the table is short.
"""

import unicodedata
from dataclasses import dataclass

from accounts.addresses import fold


@dataclass(frozen=True)
class Rules:
    """How a provider reads the part before the @."""

    domain: str  # the one name for all of the provider's domains that share mailboxes
    ends_at: str = "+"  # what follows one of these characters is a tag
    ignores: str = ""  # characters that make no difference
    replaces: tuple[str, str] | None = None  # a character that is the same as another one


_GMAIL = Rules("gmail.com", ignores=".")
_ICLOUD = Rules("icloud.com")
_PROTON = Rules("proton.me", ignores=".-_")
_YANDEX = Rules("yandex.ru", replaces=("-", "."))
_FASTMAIL = Rules("fastmail.com")

PROVIDERS: dict[str, Rules] = {
    "gmail.com": _GMAIL,
    "googlemail.com": _GMAIL,
    "icloud.com": _ICLOUD,
    "me.com": _ICLOUD,
    "mac.com": _ICLOUD,
    "proton.me": _PROTON,
    "protonmail.com": _PROTON,
    "pm.me": _PROTON,
    **dict.fromkeys(
        ("yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "ya.ru"), _YANDEX
    ),
    "fastmail.com": _FASTMAIL,
    "fastmail.fm": Rules("fastmail.fm"),
    # A disposable address of Yahoo is `base-word`; no account's own name holds a hyphen.
    **{
        domain: Rules(domain, ends_at="+-")
        for domain in ("yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "ymail.com")
    },
}
_SUBDOMAINS = {".fastmail.com": _FASTMAIL}  # anything@name.fastmail.com is name@fastmail.com


def canonical(email: str) -> str:
    """Return the one form of an address: what ``fold`` makes of it, without tags and the like.

    Raises ``ValueError`` as ``fold`` does.
    """
    local, _, domain = fold(unicodedata.normalize("NFKC", email)).rpartition("@")
    if local.startswith('"') and local.endswith('"'):
        local = local[1:-1].replace("\\", "")
    for suffix, rules in _SUBDOMAINS.items():
        if domain.endswith(suffix):
            return f"{domain.removesuffix(suffix)}@{rules.domain}"
    rules = PROVIDERS.get(domain, Rules(domain))
    return f"{_bare(local, rules)}@{rules.domain}"


def _bare(local: str, rules: Rules) -> str:
    name = local
    for end in rules.ends_at:
        name = name.partition(end)[0] or name  # one that begins with it has no other name
    for ignored in rules.ignores:
        name = name.replace(ignored, "")
    return name.replace(*rules.replaces) if rules.replaces else name
