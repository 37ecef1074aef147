"""A passkey made of a key pair, as a browser registers one."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
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


FLAG = AuthenticatorData.FLAG
_SITE = hashlib.sha256(b"testserver").digest()


@dataclass
class SecurityKey:
    """A passkey that signs, with or without asking for a PIN."""

    ident: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def belongs_to(self, user: User) -> None:
        """Register it for a user with a verified address."""
        verify(user)
        data = {"name": "key", "credential": registration(self)}
        Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)

    def assertion(self, challenge: str, *, user: User, verified: bool) -> dict[str, Any]:
        """Return what a browser sends to sign in."""
        client = {"type": "webauthn.get", "challenge": challenge, "origin": "https://testserver"}
        told = json.dumps(client).encode()
        flags = FLAG.UP | FLAG.UV if verified else FLAG.UP
        data = AuthenticatorData.create(_SITE, flags, 1)
        signature = self.private.sign(
            data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256())
        )
        return {
            "id": websafe_encode(self.ident),
            "rawId": websafe_encode(self.ident),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": websafe_encode(told),
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(signature),
                "userHandle": websafe_encode(user_pk_to_url_str(user).encode()),
            },
        }


def registration(passkey: SecurityKey | None = None, *, challenge: str = "") -> dict[str, Any]:
    """Return what a browser sends of a new passkey."""
    told = {"type": "webauthn.create", "challenge": challenge, "origin": "https://testserver"}
    passkey = passkey or SecurityKey()
    ident, private = passkey.ident, passkey.private
    public = ES256.from_cryptography_key(private.public_key())  # type: ignore[no-untyped-call]
    key = AttestedCredentialData.create(Aaguid(bytes(16)), ident, public)
    flags = FLAG.UP | FLAG.UV | FLAG.AT
    signed = AuthenticatorData.create(_SITE, flags, 0, key)
    return {
        "id": websafe_encode(ident),
        "rawId": websafe_encode(ident),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": {
            "clientDataJSON": websafe_encode(json.dumps(told).encode()),
            "attestationObject": websafe_encode(AttestationObject.create("none", signed, {})),
        },
    }
