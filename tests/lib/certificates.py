"""Certificates for tests, made by openssl(1): authorities, what they issue, what they revoke.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import hashlib
import os
import ssl
import subprocess


def _openssl(*arguments):
    result = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                            check=False)
    assert result.returncode == 0, "openssl %s:\n%s" % (" ".join(arguments), result.stdout)


def fingerprint(path):
    """SHA-256 of a certificate's first, as the daemon shows it."""
    with open(path, encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(
            file.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    digits = hashlib.sha256(der).hexdigest().upper()
    return "SHA256:" + ":".join(digits[i:i + 2] for i in range(0, 64, 2))


class Pair:
    """A certificate and its key, PEM files."""

    def __init__(self, folder, name, days=30, issuer=None, extensions=()):
        self.certificate = os.path.join(folder, name + ".pem")
        self.key = os.path.join(folder, name + ".key")
        signed = ["-CA", issuer.certificate, "-CAkey", issuer.key] if issuer else []
        added = [word for extension in extensions for word in ("-addext", extension)]
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", "/CN=" + name, "-days", str(days), "-keyout", self.key,
                 "-out", self.certificate, *signed, *added)

    def fingerprint(self):
        return fingerprint(self.certificate)


class Authority(Pair):
    def __init__(self, folder, name="authority"):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        super().__init__(self.folder, name, extensions=["keyUsage=critical,keyCertSign,cRLSign"])
        self.list = os.path.join(self.folder, "crl.pem")
        self.config = os.path.join(self.folder, "openssl.cnf")
        with open(os.path.join(self.folder, "index"), "w", encoding="ascii"):
            pass
        with open(self.config, "w", encoding="utf-8") as config:
            config.write("[ca]\ndefault_ca = this\n[this]\ndatabase = %s/index\n"
                         "certificate = %s\nprivate_key = %s\ndefault_md = sha256\n"
                         "default_crl_days = 30\n" % (self.folder, self.certificate, self.key))
        self.publish()

    def issue(self, name, days=30, host="localhost"):
        return Pair(self.folder, name, days, self,
                    ["basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:" + host])

    def revoke(self, pair):
        """Takes effect with publish()."""
        _openssl("ca", "-config", self.config, "-revoke", pair.certificate)

    def publish(self):
        """Writes the list of what is revoked, whole or not at all."""
        _openssl("ca", "-config", self.config, "-gencrl", "-out", self.list + ".new")
        os.rename(self.list + ".new", self.list)
