"""Signatures of Stripe webhooks (https://docs.stripe.com/webhooks#verify-manually). Pure."""

import hashlib
import hmac
import re

TOLERANCE = 300  # seconds that the signer's clock may differ from ours, either way
_TIME = re.compile(r"[0-9]{1,12}")


def is_good(header: str, body: bytes, *, secret: str, now: float) -> bool:
    """Tell whether the body was signed with the secret, and within ``TOLERANCE`` of now.

    The header is ``t=<seconds>,v1=<hex>``, with several ``v1`` while a secret is being replaced.
    """
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        return False
    if abs(now - int(times[0])) > TOLERANCE:
        return False
    signed = b"%b.%b" % (times[0].encode(), body)
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    given = [value.encode() for name, _, value in parts if name.strip() == "v1"]
    return any(hmac.compare_digest(expected, each) for each in given)
