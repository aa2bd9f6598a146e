"""Programs of the system that tests need: where one is, and what becomes of a test when it is missing."""

import os
import shutil
import subprocess

import pytest

# Program -> the Debian package it comes with; .ci/run installs them.
PACKAGES = {"mosquitto": "mosquitto", "mosquitto_passwd": "mosquitto", "openssl": "openssl"}


def nothing_skipped():
    """Whether a missing part has to fail: .ci/run says so, and CI services set CI by themselves."""
    return bool(os.environ.get("LECTOR_NO_SKIP")) or os.environ.get("CI", "").lower() in ("1", "true")


def find(name):
    """Path of a program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def need(name):
    """Path of a program; a missing one skips the test and says what to install, in CI the test fails."""
    found = find(name)
    if not found:
        text = "%s is missing: apt-get install %s" % (name, PACKAGES[name])
        if nothing_skipped():
            pytest.fail(text + " (nothing may be skipped in CI)")
        pytest.skip(text)
    return found


def certificate(folder):
    """Files (certificate, key) for localhost, signed by itself."""
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key
