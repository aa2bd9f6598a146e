"""What the modules of a version have in common, chosen: `python -m tools.window` writes tools/window.json anew.

Needed only when the firmware has changed much and has no room left; a pack says itself what its window is.
"""

import base64
import collections
import heapq
import json
import sys

from tools import deflate, pack
from tools.board.deploy import compile_tree

_GRAM = 4
_PIECE = 14
_ROUNDS = 4


def text(files, size):
    """The `size` bytes whose pieces come in the most files, the most common ones last: nearest to what follows."""
    often = collections.Counter()
    for data in files:
        often.update({data[at : at + _GRAM] for at in range(len(data) - _GRAM + 1)})

    def worth(piece, taken):
        grams = {piece[at : at + _GRAM] for at in range(len(piece) - _GRAM + 1)} - taken
        return sum(often[each] - 1 for each in grams)

    pieces = {data[at : at + _PIECE] for data in files for at in range(len(data) - _PIECE + 1)}
    waiting = [(-worth(each, set()), each) for each in sorted(pieces)]
    heapq.heapify(waiting)
    found, taken = [], set()
    while waiting and len(found) * _PIECE < size:
        _, piece = heapq.heappop(waiting)
        again = -worth(piece, taken)
        if waiting and again > waiting[0][0]:
            heapq.heappush(waiting, (again, piece))
            continue
        found.append(piece)
        taken |= {piece[at : at + _GRAM] for at in range(len(piece) - _GRAM + 1)}
    return b"".join(reversed(found))[-size:]


def common(files, common_text):
    """Codes for all of the files that go on behind the text."""
    wholes = [(common_text + data, deflate.matches(common_text + data, len(common_text))) for data in files]
    costs = deflate.costs_before()
    for _ in range(_ROUNDS):
        total = None
        for whole, found in wholes:
            counts = deflate.count(deflate.parse(whole, len(common_text), found, costs))
            total = counts if total is None else [[a + b for a, b in zip(*pair)] for pair in zip(total, counts)]
        costs = deflate.costs_of(total)
    # Each symbol has a code, as nobody knows what the next version needs.
    lengths, distances = ([max(n, 1) for n in each] for each in total)
    far = deflate.symbol_of_distance(deflate.WINDOW) + 1
    return deflate.Codes(deflate.code_lengths(lengths), deflate.code_lengths(distances[:far]))


def main():
    files = list(compile_tree().values())
    chosen = text(files, pack.WINDOW)
    print("window: %d bytes chosen; their codes ..." % len(chosen), flush=True)
    codes = common(files, chosen)
    pack.KEPT_WINDOW.write_text(
        json.dumps(
            {"text": base64.b64encode(chosen).decode(), "lengths": codes.lengths[0], "distances": codes.lengths[1]}
        )
        + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
