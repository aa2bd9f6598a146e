"""The page as one file, without anything from elsewhere: HTML with its style and script in it, and its gzip.

The sources are in firmware/web/page/; the settings come from their table, so that a new row is on the page as well.
The browser is told the hashes of style and script, which makes 'unsafe-inline' unnecessary.
"""

import base64
import gzip
import hashlib
import json
import re
import struct
import zlib
from functools import lru_cache

from firmware.config import help as helptexts
from firmware.config import settings
from tools import deflate
from tools.build import ROOT, replacing

SOURCE = ROOT / "firmware" / "web" / "page"
# What a board serves of it.
MADE = ROOT / "build" / "page"
# Bytes of the gzip, at most.
MOST = 24 * 1024
# In this order.
_SCRIPTS = ("base.js", "overview.js", "readings.js", "settings.js", "tools.js")


class PageError(Exception):
    """The sources of the page are not whole; the text says what is missing."""


def texts():
    """{key: (English, Spanish)} of texts.txt. PageError."""
    found = {}
    for number, line in enumerate((SOURCE / "texts.txt").read_text("utf-8").splitlines(), 1):
        parts = line.split("|")
        if len(parts) != 3 or not all(parts) or parts[0] in found:
            raise PageError("texts.txt, line %d: key|English|Spanish is wanted, each key once" % number)
        found[parts[0]] = tuple(parts[1:])
    return found


def spanish():
    """{setting without its number: help in Spanish}; one that is missing is shown in English. PageError."""
    found = {}
    for number, line in enumerate((SOURCE / "spanish.txt").read_text("utf-8").splitlines(), 1):
        name, _, words = line.partition("|")
        if not words or name in found:
            raise PageError("spanish.txt, line %d: setting|help is wanted, each setting once" % number)
        found[name] = words
    return found


def table():
    """{group: {"first", "count", "rows": [[name, heritage name, type, limits, default, when, help]]}}."""
    found = {}
    for group in settings.NAMES:
        first, count = settings.GROUPS.get(group, (None, 1))
        rows = []
        for row in settings.rows([group]):
            name = row[0].partition(".")[2]
            rows.append([name, settings.titan(row), *row[2:6], helptexts.of(row[0])])
        found[group] = {"first": first, "count": count, "rows": rows}
    return found


def _squeezed(script):
    """Without comments and indentation; strings of the page have neither."""
    script = re.sub(r"(?s)/\*.*?\*/", "", script)
    return "\n".join(line.strip() for line in script.splitlines() if line.strip())


def _literal(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


@lru_cache(maxsize=1)
def page():
    """(the page's HTML as bytes, the value of its Content-Security-Policy header). PageError."""
    data = "const TEXTS=%s,SPANISH=%s,SETTINGS=%s;" % tuple(map(_literal, (texts(), spanish(), table())))
    script = "'use strict';\n" + data + "\n" + "\n".join(_squeezed((SOURCE / name).read_text()) for name in _SCRIPTS)
    style = "\n".join(line.strip() for line in (SOURCE / "style.css").read_text().splitlines())
    html = (SOURCE / "page.html").read_text()
    html = html.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script)
    return html.encode(), policy(style, script)


def policy(style, script):
    """What a browser lets the page do: its own script and style, requests to where it came from, nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (script, style)]
    return (
        "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; img-src data: blob:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'" % tuple(hashes)
    )


@lru_cache(maxsize=1)
def shrink(data):
    """A gzip of `data` (RFC 1952), some 4 % shorter than zlib's."""
    body = deflate.squeeze(data, window=deflate.WIDEST)
    return b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


def _kept(path, data):
    """The bytes of a gzip that is there and has `data` in it, or None: to make it anew takes seconds."""
    try:
        found = path.read_bytes()
        return found if gzip.decompress(found) == data else None
    except (OSError, EOFError, zlib.error):
        return None


def build(folder=MADE):
    """Write page.gz and policy.txt, as a board serves them. PageError. Returns the bytes of the gzip."""
    html, told = page()
    packed = _kept(folder / "page.gz", html) or shrink(html)
    if len(packed) > MOST:
        raise PageError("the page has %d bytes packed, %d are allowed" % (len(packed), MOST))
    for name, data in (("page.gz", packed), ("policy.txt", told.encode())):
        with replacing(folder / name) as made:
            made.write_bytes(data)
    return len(packed)
