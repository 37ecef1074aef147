"""A certificate authority of the drill's own, and certificates of any validity."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.drill.addresses import SITE_HOST


class Authority:
    """Signs certificates for the site; ``root`` is the file that clients trust."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tokengate drill")])
        now = datetime.now(UTC)
        builder = self._builder(self._name, self._key.public_key(), now, now + timedelta(days=2))
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            builder.add_extension(constraints, critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.root = folder / "root.pem"
        self.root.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        file: Path,
        *,
        expired: bool = False,
        names: tuple[str, ...] = (SITE_HOST,),
        addresses: tuple[str, ...] = (),
    ) -> None:
        """Write a certificate and its key, as HAProxy reads them, in place of the former."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        end = now - timedelta(minutes=1) if expired else now + timedelta(days=1)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        subjects: list[x509.GeneralName] = [x509.DNSName(each) for each in names]
        subjects += [x509.IPAddress(ip_address(each)) for each in addresses]
        certificate = (
            self._builder(name, key.public_key(), now - timedelta(hours=1), end)
            .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        draft = file.with_suffix(".draft")
        draft.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        draft.rename(file)

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )
