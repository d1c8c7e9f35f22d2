"""Where the certificate and the server's secret come from, what is shown of them, what a reload
takes up, and what is refused, at the start and by --check.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import stat
import subprocess

import pytest

import certificates
import multichat


@pytest.fixture(name="daemon")
def make_daemon():
    daemon = multichat.Daemon()
    yield daemon
    daemon.close()


@pytest.fixture(name="pair", scope="module")
def make_pair(tmp_path_factory):
    return certificates.Pair(str(tmp_path_factory.mktemp("pair")), "server")


@pytest.fixture(name="other", scope="module")
def make_other(tmp_path_factory):
    return certificates.Pair(str(tmp_path_factory.mktemp("other")), "other")


def use(daemon, pair):
    daemon.settings["tls.certificate"] = pair.certificate
    daemon.settings["tls.key"] = pair.key


def reload(daemon, **settings):
    """Returns what was logged meanwhile."""
    process = daemon.process
    start = len(process.log)
    daemon.write_config(**settings)
    daemon.reload()
    process.wait_log("reload: .*(is in force|stays so)$", start)
    return "\n".join(process.log[start:])


def run(daemon, *options, environment=None):
    """multichatd where it does not get as far as to serve."""
    daemon.write_config()
    result = subprocess.run(
        [multichat.program("multichatd"), "--config", daemon.config, *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=60, check=False,
        env=dict(os.environ, **(environment or {})))
    assert not multichat.SANITIZER.search(result.stderr), result.stderr
    return result


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_first_start_makes_what_is_missing(daemon):
    daemon.start()
    shown = daemon.status()["tls"]
    own, key, secret = (os.path.join(daemon.directory, name)
                        for name in ("certificate.pem", "key.pem", "server-secret"))
    assert (mode(own), mode(key), mode(secret)) == (0o644, 0o600, 0o600)
    assert shown["fingerprint"] == certificates.fingerprint(own)
    assert shown["source"] == "self-signed"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["expires"])
    assert shown["fingerprint"] in daemon.process.text()
    assert "expires on" not in daemon.process.text()
    with open(secret, "rb") as file:
        before = file.read()
    daemon.stop()
    daemon.start()
    assert daemon.status()["tls"] == shown
    with open(secret, "rb") as file:
        assert file.read() == before


def test_own_pair_is_for_the_name_that_is_set(daemon):
    daemon.settings["tls.name"] = "chat.example.org"
    daemon.start()
    told = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
                           os.path.join(daemon.directory, "certificate.pem")],
                          stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
    assert "DNS:chat.example.org" in told


def test_files(daemon, pair):
    use(daemon, pair)
    daemon.start()
    assert daemon.status()["tls"]["source"] == "files"
    assert daemon.status()["tls"]["fingerprint"] == pair.fingerprint()
    assert not os.path.exists(os.path.join(daemon.directory, "key.pem"))


def test_credentials(daemon, pair, tmp_path):
    os.symlink(pair.certificate, tmp_path / "tls-certificate")
    os.symlink(pair.key, tmp_path / "tls-key")
    (tmp_path / "server-secret").write_bytes(bytes(32))
    daemon.environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    daemon.start()
    assert daemon.status()["tls"]["source"] == "credentials"
    assert daemon.status()["tls"]["fingerprint"] == pair.fingerprint()
    assert not os.path.exists(os.path.join(daemon.directory, "server-secret"))


def test_one_credential_of_two_is_refused(daemon, pair, tmp_path):
    os.symlink(pair.certificate, tmp_path / "tls-certificate")
    result = run(daemon, environment={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert result.returncode == 1
    assert 'credential "tls-certificate" is there without "tls-key"' in result.stderr


def test_reload_takes_another_certificate(daemon, pair, other):
    use(daemon, pair)
    daemon.start()
    assert "is in force" in reload(daemon, tls__certificate=other.certificate, tls__key=other.key)
    assert daemon.status()["tls"]["fingerprint"] == other.fingerprint()


def test_reload_keeps_the_old_certificate_where_the_new_is_bad(daemon, pair, other):
    use(daemon, pair)
    daemon.start()
    log = reload(daemon, tls__key=other.key, limits__text=64)
    assert other.key in log or pair.certificate in log
    assert "stays so" in log
    log = reload(daemon, tls__certificate=pair.key, tls__key=pair.key)
    assert pair.key in log and "stays so" in log
    log = reload(daemon, tls__certificate="/nonexistent.pem")
    assert "/nonexistent.pem" in log and "stays so" in log
    assert daemon.status()["tls"]["fingerprint"] == pair.fingerprint()
    assert "is in force" in reload(daemon, tls__certificate=pair.certificate)


def test_reload_keeps_the_old_secret_where_the_new_is_bad(daemon):
    daemon.start()
    with open(os.path.join(daemon.directory, "short"), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(b"too short")
    log = reload(daemon, session__secret_file=file.name)
    assert "short: the server's secret has 9 bytes: allowed are 32" in log and "stays so" in log


@pytest.mark.parametrize("days, told", [(13, True), (16, False)])
def test_certificate_that_expires_soon_is_told_of(daemon, tmp_path, days, told):
    use(daemon, certificates.Pair(str(tmp_path), "soon", days))
    daemon.start()
    assert ("the certificate expires on 20" in daemon.process.text()) == told


def test_key_that_everybody_can_read_is_told_of(daemon, tmp_path):
    open_pair = certificates.Pair(str(tmp_path), "open")
    os.chmod(open_pair.key, 0o644)
    use(daemon, open_pair)
    daemon.start()
    assert "open.key: the key has mode 0644" in daemon.process.text()


# -- --check


def test_check_makes_nothing(daemon):
    result = run(daemon, "--check")
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(os.listdir(daemon.directory)) == ["multichatd.conf"]


@pytest.mark.parametrize("certificate, key, words", [
    ("{other.certificate}", "{pair.key}", "{pair.key}"),
    ("/nonexistent.pem", "{pair.key}", "/nonexistent.pem"),
    ("{pair.certificate}", "/nonexistent.key", "/nonexistent.key"),
    ("{pair.key}", "{pair.key}", "{pair.key}"),
    ("{pair.certificate}", "{pair.certificate}", "{pair.certificate}"),
])
def test_check_refuses_a_pair(daemon, pair, other, certificate, key, words):
    daemon.settings["tls.certificate"] = certificate.format(pair=pair, other=other)
    daemon.settings["tls.key"] = key.format(pair=pair, other=other)
    result = run(daemon, "--check")
    assert (result.returncode, result.stdout) == (78, "")
    assert words.format(pair=pair) in result.stderr


@pytest.mark.parametrize("key", ["tls.ca", "tls.crl"])
def test_check_refuses_whom_it_trusts(daemon, pair, key):
    use(daemon, pair)
    daemon.settings["tls.ca"] = pair.certificate
    daemon.settings[key] = pair.key
    result = run(daemon, "--check")
    assert (result.returncode, result.stdout) == (78, "")
    assert pair.key in result.stderr


def test_check_refuses_a_secret(daemon):
    with open(daemon.settings["session.secret_file"], "wb") as file:
        os.fchmod(file.fileno(), 0o640)
        file.write(bytes(32))
    result = run(daemon, "--check")
    assert (result.returncode, result.stdout) == (78, "")
    assert "server-secret: the server's secret has mode 0640: allowed is 0600" in result.stderr


def test_does_not_start_without_a_place_for_what_it_makes(daemon):
    daemon.settings["tls.folder"] = "/nonexistent"
    result = run(daemon)
    assert result.returncode == 1
    assert "/nonexistent/" in result.stderr
