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
        asyncio.run(http.read(line, "server", "https://server/a"))
    assert SIGNED in str(refused.value) and code[:3] in str(refused.value)


@pytest.mark.parametrize(
    "place, whole",
    [
        ("/files/lector102.rel?x=http://y/", "https://server:8443/files/lector102.rel?x=http://y/"),
        ("lector102.rel", "https://server:8443/a/lector102.rel"),
        ("//mirror.example/a.rel", "https://mirror.example/a.rel"),
        ("http://mirror.example/a.rel", "http://mirror.example/a.rel"),
    ],
)
def test_an_address_that_stands_there_in_part_is_told_as_it_can_be_ordered(place, whole):
    source = iter([b"HTTP/1.1 302 Found", b"Location: " + place.encode(), b""])

    async def line():
        return next(source)

    with pytest.raises(DownloadError) as refused:
        asyncio.run(http.read(line, "server", "https://server:8443/a/b.rel"))
    assert str(refused.value).endswith("order it from " + whole)
