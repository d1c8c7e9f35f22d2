"""`multichatd --check`: what is in order is said to be, and a broken configuration is refused with
one clear sentence for each mistake that names file, line, key, value and what is allowed.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import os
import re
import subprocess

import pytest

MULTICHATD = os.path.join(os.environ["MULTICHAT_BUILDDIR"], "multichatd")

# What is in the file, and what is said after the file's name.
BROKEN = {
    "number-too-small": (
        'limits: { text = 5; };',
        ':1: key "limits.text": value 5: allowed are 64 to 65536 bytes'),
    "number-too-large": (
        'log: { level = "info"; };\nstorage:\n{\n  queue = 99999999;\n};',
        ':4: key "storage.queue": value 99999999: allowed are 64 to 1048576 requests'),
    "negative-number": (
        'limits: { idle = -1; };',
        ':1: key "limits.idle": value -1: allowed are 1 to 86400 seconds'),
    # 64 in its lower 32 bits, to which libconfig cuts it.
    "number-beyond-32-bits": (
        'limits: { idle = 5; text =\n  4294967360; };',
        ':1: key "limits.text": value 4294967360: allowed are 64 to 65536 bytes'),
    "hexadecimal-beyond-32-bits": (
        '# text = 64\nlimits: { /* text\n= 64 */ text = 0x100000040; };',
        ':3: key "limits.text": value 0x100000040: allowed are 64 to 65536 bytes'),
    "number-beyond-64-bits": (
        'storage: { mysql: { user = "text = 64"; }; };\nlimits: { text = 18446744073709551680; };',
        ':2: key "limits.text": value 18446744073709551680: allowed are 64 to 65536 bytes'),
    "long-number-beyond-64-bits": (
        'limits: { text = 18446744073709551680L; };',
        ':1: key "limits.text": value 18446744073709551680L: allowed are 64 to 65536 bytes'),
    "fraction": (
        'limits: { text = 64.5; };',
        ':1: key "limits.text": value 64.5 is a floating-point number: allowed are 64 to 65536 '
        'bytes'),
    "text-for-a-number": (
        '\npassword: { memory = "19"; };',
        ':2: key "password.memory": value "19" is a text: allowed are 8 to 1024 MiB'),
    "number-for-a-boolean": (
        'storage: { migrate = 1; };',
        ':1: key "storage.migrate": value 1 is a number: allowed are true and false'),
    "unknown-choice": (
        'log: { level = "loud"; };',
        ':1: key "log.level": value "loud": allowed are "err", "warning", "notice", "info" and '
        '"debug"'),
    "unknown-driver": (
        'storage: { driver = "oracle"; };',
        ':1: key "storage.driver": value "oracle": allowed are "sqlite" and "mysql"'),
    "unknown-key": (
        'limits: { connection = 100; };',
        ':1: unknown key "limits.connection": the nearest known key is "limits.connections"'),
    "unknown-group": (
        'limit: { text = 100; };',
        ':1: unknown key "limit.text": the nearest known key is "limits.text"'),
    "part-of-a-name": (
        'storage: { mysql: { password = "x"; }; };',
        ':1: unknown key "storage.mysql.password": the nearest known key is '
        '"storage.mysql.password_file"'),
    "no-address": (
        'listen:\n{\n  polls = "localhost";\n};',
        ':3: key "listen.polls": value "localhost": allowed is ADDRESS:PORT, such as '
        '"192.0.2.1:9001", "[::1]:9001" or "*:9001"'),
    "relative-path": (
        'listen: { control = "control"; };',
        ':1: key "listen.control": value "control": allowed is an absolute path of at most 107 '
        'bytes, in quotes'),
    "empty-path": (
        'storage: { sqlite: { path = ""; }; };',
        ':1: key "storage.sqlite.path": value "": allowed is an absolute path of at most 4095 '
        'bytes, in quotes'),
    "wrong-network": (
        'version1: { networks = [ "::1",\n "127.0.0.0/40" ]; };',
        ':1: key "version1.networks": value ["::1", "127.0.0.0/40"]: allowed is a list of 0 to 256 '
        'networks, such as [ "192.0.2.0/24", "::1" ]'),
    "host-for-a-network": (
        'version1: { networks = [ "10.0.0.1/8", "::1", "fe80::1/10" ]; };',
        ':1: key "version1.networks": value ["10.0.0.1/8", "::1", "fe80::1/10"]: allowed is a list of '
        '0 to 256 networks, such as [ "192.0.2.0/24", "::1" ]; "10.0.0.1/8" is a host in the '
        'network "10.0.0.0/8"; "fe80::1/10" is a host in the network "fe80::/10"'),
    "certificate-without-key": (
        'tls: { certificate = "/etc/multichat/certificate.pem"; };',
        ': key "tls.key": value "" (the default): allowed is the file of the key where '
        'tls.certificate is set'),
    "key-without-certificate": (
        'tls: { certificate = "";\n key = "/etc/multichat/key.pem"; };',
        ':1: key "tls.certificate": value "": allowed is the file of the certificate where tls.key '
        'is set'),
    "revocation-without-authority": (
        'tls: { crl = "/etc/multichat/crl.pem"; };',
        ':1: key "tls.crl": value "/etc/multichat/crl.pem": allowed is "" where tls.ca is ""'),
    "certificates-asked-without-authority": (
        'tls: { clients = "required"; };',
        ':1: key "tls.clients": value "required": allowed is "none" where tls.ca is ""'),
    "polls-too-rare-to-be-present": (
        'presence: { poll = 10; };',
        ':1: key "presence.poll": value 10: allowed is less than presence.present, so that who '
        'polls stays present'),
    "rate-that-lets-nothing-pass": (
        'rates: { sends_burst = 0; };',
        ':1: key "rates.sends_burst": value 0: allowed are 1 to 10000000'),
    "unknown-maker-of-rooms": (
        'rooms: { make = "operators"; };',
        ':1: key "rooms.make": value "operators": allowed are "anyone" and "administrator"'),
    "no-room-at-all": (
        'limits: { rooms = 0; };',
        ':1: key "limits.rooms": value 0: allowed are 1 to 1000000'),
    "window-too-small-for-a-message": (
        'limits: { text = 65536; }; push: { window_bytes = 65535; };',
        ':1: key "push.window_bytes": value 65535: allowed is limits.text or more, so that every '
        'message fits'),
    "network-is-no-list": (
        'version1: { networks = "::1"; };',
        ':1: key "version1.networks": value "::1" is a text: allowed is a list of 0 to 256 '
        'networks, such as [ "192.0.2.0/24", "::1" ]'),
    "duplicate": (
        'limits: { text = 100;\n text = 200; };',
        ':2: duplicate setting name in "text = 200; };": allowed is each name once in its group'),
    "syntax": (
        'limits: { text = ; };',
        ':1: syntax error in "limits: { text = ; };": allowed is NAME = VALUE; or NAME: { … }; '
        'with text in quotes'),
    "no-quotes": (
        'storage: { driver = sqlite; };',
        ':1: syntax error in "storage: { driver = sqlite; };": allowed is NAME = VALUE; or '
        'NAME: { … }; with text in quotes'),
    "cut-off": (
        'limits: { text = 100;\n',
        ':2: syntax error at the end: allowed is NAME = VALUE; or NAME: { … }; with text in quotes'),
    "include": (
        '@include "away.conf"\n',
        ':1: cannot open include file in "@include \\"away.conf\\"": allowed is @include "FILE" '
        'with a file that can be read'),
    "contradiction": (
        'presence: { present = 100; forget = 10; };',
        ':1: key "presence.forget": value 10: allowed is presence.present or more'),
    "group-expected": (
        'limits = 5;',
        ':1: key "limits": value is a number: allowed is a group, limits: { … };'),
}


def check(*arguments):
    return subprocess.run([MULTICHATD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", check=False)


def message(result):
    """Standard error without the priority that stands before a line."""
    return re.sub(r"(?m)^<3>", "", result.stderr)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_refuses(tmp_path, name):
    content, error = BROKEN[name]
    config = tmp_path / "multichatd.conf"
    config.write_text(content, encoding="utf-8")
    result = check("--config", str(config), "--check")
    assert message(result) == "%s%s\n" % (config, error)
    assert (result.returncode, result.stdout) == (78, "")


def test_tells_every_mistake(tmp_path):
    names = ["number-too-small", "wrong-network", "unknown-choice", "no-address"]
    config = tmp_path / "multichatd.conf"
    config.write_text("\n".join(BROKEN[name][0].replace("\n", " ") for name in names),
                      encoding="utf-8")
    result = check("--config", str(config), "--check")
    expected = ["%s:%d:%s" % (config, number + 1, BROKEN[name][1].split(":", 2)[2])
                for number, name in enumerate(names)]
    assert message(result).splitlines() == expected
    assert result.returncode == 78


def test_tells_no_more_mistakes_than_anyone_reads(tmp_path):
    config = tmp_path / "multichatd.conf"
    config.write_text("".join("wrong%d = 1;\n" % number for number in range(1000)),
                      encoding="utf-8")
    assert len(message(check("--config", str(config), "--check")).splitlines()) == 20


@pytest.mark.parametrize("name", ["number-too-small", "syntax"])
def test_does_not_start_with(tmp_path, name):
    config = tmp_path / "multichatd.conf"
    config.write_text(BROKEN[name][0], encoding="utf-8")
    result = check("--config", str(config))
    assert message(result) == "%s%s\n" % (config, BROKEN[name][1])
    assert result.returncode == 78


def test_refuses_a_file_that_is_not_there(tmp_path):
    result = check("--config", str(tmp_path / "away.conf"), "--check")
    assert message(result) == "%s/away.conf: cannot be read: No such file or directory\n" % tmp_path
    assert result.returncode == 78


def test_refuses_a_folder(tmp_path):
    result = check("--config", str(tmp_path), "--check")
    assert message(result) == "%s: cannot be read: Is a directory\n" % tmp_path
    assert result.returncode == 78


def test_takes_a_good_file(tmp_path):
    config = tmp_path / "multichatd.conf"
    config.write_text('limits: { text = 64; };\n', encoding="utf-8")
    result = check("--check", "--config", str(config))
    assert (result.returncode, result.stdout, result.stderr) == (0, "%s: ok\n" % config, "")


@pytest.mark.parametrize("arguments", [["--wrong"], ["--config"], ["more"], ["--check=yes"]])
def test_wrong_usage(arguments):
    result = check(*arguments)
    assert result.returncode == 2
    assert "usage: multichatd" in result.stderr
    assert result.stdout == ""


def test_version_and_help():
    assert re.fullmatch(r"multichatd [0-9.]+\n", check("--version").stdout)
    result = check("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "--check" in result.stdout
