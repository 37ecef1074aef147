"""The canonical form in which an email address is stored and looked up. Pure."""

import idna


def fold(email: str) -> str:
    """Return the address in lower case, its domain in ASCII (IDNA).

    Raises ``ValueError`` for a local part beyond ASCII: letters that look alike, or are alike to
    one mail server only, would make two accounts of one address.
    """
    local, at, domain = email.strip().lower().rpartition("@")
    if not email.isascii():
        local.encode("ascii")
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local}{at}{domain}"
