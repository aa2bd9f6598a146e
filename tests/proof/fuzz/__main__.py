"""`python -m tests.proof.fuzz KIND [CHUNK [COUNT]]`: a chunk of one kind in this process; `KIND all`: all of it."""

import sys

from tests.proof import fuzz

kind, chunk, count = (sys.argv[1:] + ["0", str(fuzz.CHUNK)])[:3] if len(sys.argv) < 4 else sys.argv[1:4]
if chunk == "all":
    fuzz.proof((kind,))
else:
    print(*fuzz.run(kind, int(chunk), int(count)))
