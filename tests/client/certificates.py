"""A certificate authority of the tests, and what it issues."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])


@dataclass
class Authority:
    """An authority of one's own; its files are in ``folder``, and ``file`` is its certificate."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.file = self.folder / "authority.pem"
        public = self._key.public_key()
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        identified = x509.SubjectKeyIdentifier.from_public_key(public)
        extensions = ((x509.BasicConstraints(True, 0), True), (usage, True), (identified, False))
        self.file.write_bytes(self._issue(_NAME, public, 1, *extensions))

    def issue(self, host: str, days: int = 1) -> Path:
        """A file with a certificate for a host's name, and its key; one that ended days ago if they are negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = self._issue(name, key.public_key(), days, (names, False))
        path = self.folder / f"{host}{days}.pem"
        path.write_bytes(
            made
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path

    def server(self, host: str, days: int = 1, *, asks: bool = False) -> ssl.SSLContext:
        """What a server needs to speak TLS under that name; it ``asks`` for a certificate of this authority, too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issue(host, days))
        if asks:
            context.load_verify_locations(self.file)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _issue(
        self,
        name: x509.Name,
        public: ec.EllipticCurvePublicKey,
        days: int,
        *extensions: tuple[x509.ExtensionType, bool],
    ) -> bytes:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().issuer_name(_NAME).subject_name(name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=30)).not_valid_after(now + timedelta(days=days))
        identified = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension, critical in (*extensions, (identified, False)):
            made = made.add_extension(extension, critical)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
