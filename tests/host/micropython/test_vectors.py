"""The collected frames on MicroPython."""

from tests.host.unit.iec102.test_vectors import FRAMES, ROOT
from tools import micropython, patience

SCRIPT = """
import sys
from firmware.iec102 import asdu, ft12
from tools.meter.encoding import encode
buf = bytearray(261)
for line in sys.stdin:
    raw = bytes.fromhex(line.strip())
    parser = ft12.Parser()
    parser.feed(raw)
    good = parser.next()
    if good and parser.asdu is not None:
        n = ft12.encode_variable(buf, parser.control, parser.link, encode(asdu.decode(parser.asdu), buf, 7))
    elif good:
        n = ft12.encode_fixed(buf, parser.control, parser.link)
    print(bytes(buf[:n]).hex() if good else "-")
"""


def test_the_same_on_micropython(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    frames = [v for v in FRAMES if v["valid"] or "68" not in v["hex"][2:]]
    command = micropython.command(tmp_path / "script.py")
    given = "\n".join(v["hex"] for v in frames) + "\n"
    done = patience.run(command, 60, input=given, env={"MICROPYPATH": "%s:.frozen" % ROOT})
    assert done.stdout.split() == [v["hex"] if v["valid"] else "-" for v in frames], done.stderr
