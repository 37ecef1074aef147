"""A passkey made of a key pair, as a browser registers one."""

import hashlib
import secrets
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

from accounts.models import User


def verify(user: User) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def with_passkey(user: User) -> Authenticator:
    """Give the user a verified address, and a passkey whose private key is thrown away."""
    verify(user)
    data = {"name": "laptop", "credential": registration()}
    made: Authenticator = Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data=data
    )
    return made


def registration() -> dict[str, Any]:
    """Return what a browser sends of a new passkey."""
    ident = secrets.token_bytes(16)
    private = ec.generate_private_key(ec.SECP256R1())
    public = ES256.from_cryptography_key(private.public_key())  # type: ignore[no-untyped-call]
    key = AttestedCredentialData.create(Aaguid(bytes(16)), ident, public)
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
    signed = AuthenticatorData.create(hashlib.sha256(b"testserver").digest(), flags, 0, key)
    return {
        "id": websafe_encode(ident),
        "rawId": websafe_encode(ident),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": {
            "clientDataJSON": websafe_encode(
                b'{"type":"webauthn.create","challenge":"","origin":""}'
            ),
            "attestationObject": websafe_encode(AttestationObject.create("none", signed, {})),
        },
    }
