"""HTTPS, with the certificates of the system or of a file. The server speaks plain HTTP behind a proxy here."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import unittest
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import strongroom
from strongroom import Client, Receipt
from harness import FaultProxy, ServerTest


def make_certificate(directory: Path, address: str) -> "tuple[Path, Path]":
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "strongroom test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = directory / "certificate.pem", directory / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key_path.write_bytes(private)
    return certificate_path, key_path


class Tls(ServerTest):
    def tls_proxy(self, address: str) -> "tuple[FaultProxy, Path]":
        certificate, key = make_certificate(self.directory, address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return self.proxy_over(context), certificate

    def proxy_over(self, context: ssl.SSLContext) -> FaultProxy:
        proxy = FaultProxy(self.server.port, tls=context)
        self.addCleanup(proxy.close)
        return proxy

    def test_a_server_whose_certificate_is_trusted_is_used_over_a_kept_connection(self) -> None:
        proxy, certificate = self.tls_proxy("127.0.0.1")
        with Client(proxy.url, self.server.token, ca_file=certificate) as client:
            for number in range(3):
                self.assertIsInstance(client.append(self.event(number)), Receipt)
        self.assertEqual(proxy.connections, 1)
        self.assert_ledger_holds(range(3))

    def test_a_server_whose_certificate_is_not_trusted_or_not_its_own_gets_nothing(self) -> None:
        proxy, _ = self.tls_proxy("127.0.0.1")
        with Client(proxy.url, self.server.token, deadline=0.3) as client:
            with self.assertRaisesRegex(strongroom.Unavailable, "(?i)certificate"):
                client.append(self.event(0))
        elsewhere, certificate = self.tls_proxy("127.0.0.9")
        with Client(elsewhere.url, self.server.token, ca_file=certificate, deadline=0.3) as client:
            with self.assertRaisesRegex(strongroom.Unavailable, "(?i)certificate"):
                client.append(self.event(0))
        self.assertEqual(proxy.bodies + elsewhere.bodies, [])

    def test_a_file_that_holds_no_certificates_is_told_at_once(self) -> None:
        empty = self.directory / "empty.pem"
        empty.write_text("")
        for path in (empty, self.directory / "missing.pem"):
            with self.subTest(path=path.name), self.assertRaises(OSError):
                Client("https://127.0.0.1:1", "t", ca_file=path)

    def test_a_server_that_never_answers_the_handshake_does_not_hold_a_call(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            accepting = threading.Thread(target=_accept_all, args=(silent,), daemon=True)
            accepting.start()
            url = f"https://127.0.0.1:{silent.getsockname()[1]}"
            with Client(url, "t", deadline=0.5, attempt_timeout=0.2) as client:
                with self.assertRaisesRegex(strongroom.Unavailable, "timed out"):
                    client.append(self.event(0))


def _accept_all(listener: socket.socket) -> None:
    held = []
    try:
        while True:
            held.append(listener.accept()[0])
    except OSError:
        for connection in held:
            connection.close()


if __name__ == "__main__":
    unittest.main()
