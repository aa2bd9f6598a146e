"""An update from an address that sends on to another one, as large file hosts do: the address is told in full."""

import asyncio
import socket

import pytest

from firmware.net.url import DownloadError
from firmware.update.download import Download
from tests.host.support import tcp_servers

SIGNED = "https://objects.example/release.rel?" + "&".join("X-Amz-%02d=%s" % (n, "k" * 60) for n in range(12))


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_where_it_is_stands_in_the_answer_in_full(tmp_path, code):
    lines = ["HTTP/1.1 " + code, "Server: Espa\xf1a", "Content-Security-Policy: " + "x" * 1000]
    lines += ["Location: " + SIGNED, "", ""]

    def talk(peer):
        peer.recv(1024)
        peer.sendall("\r\n".join(lines).encode("latin-1"))
        peer.close()

    server = tcp_servers.serve(talk)
    url = "http://127.0.0.1:%d/a.rel" % server.getsockname()[1]
    try:
        with pytest.raises(DownloadError) as refused:
            asyncio.run(Download(url, str(tmp_path / "file"), socket).fetch())
    finally:
        server.close()
    assert SIGNED in str(refused.value) and code[:3] in str(refused.value)
