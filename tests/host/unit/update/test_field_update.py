"""An update from an address that sends on to another one, as large file hosts do: the address is told in full."""

import asyncio

import pytest

from firmware.net import http
from firmware.net.url import DownloadError

SIGNED = "https://objects.example/release.rel?" + "&".join("X-Amz-%02d=%s" % (n, "k" * 60) for n in range(12))


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_where_it_is_stands_in_the_answer_in_full(code):
    lines = ["HTTP/1.1 " + code, "Server: Espa\xf1a", "Content-Security-Policy: " + "x" * 1000]
    lines += ["Location: " + SIGNED, ""]
    source = iter([line.encode("latin-1") for line in lines])

    async def line():
        return next(source)

    with pytest.raises(DownloadError) as refused:
        asyncio.run(http.read(line, "server"))
    assert SIGNED in str(refused.value) and code[:3] in str(refused.value)
