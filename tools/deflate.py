"""Deflate (RFC 1951) in as few bytes as can be, for what is packed once and read on boards for years.

A stream may look back 2 KiB at most, as that window is what reading it takes of a board's heap, and may begin in the
middle of another one, its head: a block of bytes as they are, which it looks back to, then the codes of a block that
it goes on with. No library does either: zopfli looks back as far as it likes, zlib counts but once.

All positions, lengths and distances are in bytes.
"""

import heapq
import itertools
import math

WINDOW = 2048
# What deflate itself allows, and browsers have.
WIDEST = 32768
_LEAST, _MOST = 3, 258
_END = 256
_ROUNDS = 12
_STORED = 65535  # bytes of a block that is stored
# How near the counts of neighbours are when they are given one code length, which is shorter to tell.
_NEAR = (0, 0.3, 0.6)
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _bases(first, extras):
    """[(base, extra bits)] of the symbols of lengths or distances."""
    found, base = [], first
    for extra in extras:
        found.append((base, extra))
        base += 1 << extra
    return found


_LENGTHS = _bases(_LEAST, [0] * 8 + [n for n in range(1, 6) for _ in range(4)])[:28] + [(_MOST, 0)]
_DISTANCES = _bases(1, [0, 0] + [n for n in range(14) for _ in range(2)])
# Length -> index of its symbol; distance -> its symbol.
_LENGTH = [0] * (_MOST + 1)
for _index, (_base, _extra) in enumerate(_LENGTHS):
    for _each in range(_base, min(_base + (1 << _extra), _MOST + 1)):
        _LENGTH[_each] = _index
_DISTANCE = [0] * (WIDEST + 1)
for _index, (_base, _extra) in enumerate(_DISTANCES):
    for _each in range(_base, min(_base + (1 << _extra), WIDEST + 1)):
        _DISTANCE[_each] = _index


class Bits:
    """Bits as deflate writes them: the lowest of a byte first."""

    def __init__(self):
        self.value = self.count = 0

    def put(self, value, count):
        self.value |= value << self.count
        self.count += count

    def bytes(self):
        return self.value.to_bytes((self.count + 7) // 8, "little")


class Codes:
    """Huffman codes of a block: of literals and lengths, and of distances; `lengths` are their bits, 0: no code."""

    def __init__(self, lengths, distances):
        self.lengths = (lengths, distances)
        self.words = (_words(lengths), _words(distances))
        self.header = _header(*self.lengths)

    def bits(self, counts):
        """Bits of a block that has each symbol so often; infinite when one of them has no code."""
        total = 0
        for count, length in zip(counts, self.lengths):
            for number, bits in zip(count, length):
                if number and not bits:
                    return math.inf
                total += number * bits
        total += sum(n * _LENGTHS[i][1] for i, n in enumerate(counts[0][_END + 1 :]))
        return total + sum(n * _DISTANCES[i][1] for i, n in enumerate(counts[1]))

    def write(self, tokens, bits):
        """What `tokens` are, and the end of the block."""
        (words, far), (lengths, distances) = self.words, self.lengths
        for length, distance in tokens:
            if not distance:
                bits.put(words[length], lengths[length])
                continue
            index, other = _LENGTH[length], _DISTANCE[distance]
            bits.put(words[_END + 1 + index], lengths[_END + 1 + index])
            bits.put(length - _LENGTHS[index][0], _LENGTHS[index][1])
            bits.put(far[other], distances[other])
            bits.put(distance - _DISTANCES[other][0], _DISTANCES[other][1])
        bits.put(words[_END], lengths[_END])


def _words(lengths):
    """The code of each symbol, its first bit lowest (RFC 1951, 3.2.2)."""
    words, code = [0] * len(lengths), 0
    for bits in range(1, 16):
        code <<= 1
        for symbol, each in enumerate(lengths):
            if each == bits:
                words[symbol] = int(format(code, "0%db" % bits)[::-1], 2)
                code += 1
    return words


def code_lengths(counts, most=15):
    """Bits of the best prefix code for symbols that come so often, none above `most` (package-merge)."""
    singles = sorted((count, (symbol,)) for symbol, count in enumerate(counts) if count)
    lengths = [0] * len(counts)
    if len(singles) < 2:
        for _, (symbol,) in singles:
            lengths[symbol] = 1
        return lengths
    row = singles
    for _ in range(most - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2])]
        row = list(heapq.merge(singles, pairs, key=lambda each: each[0]))
    for _, symbols in row[: 2 * len(singles) - 2]:
        for symbol in symbols:
            lengths[symbol] += 1
    return lengths


def _runs(lengths, use):
    """Code lengths as symbols of the header's own code, (symbol, value, bits): `use` of 16, 17 and 18."""
    for value, group in itertools.groupby(lengths):
        left = len(list(group))
        if value:
            yield value, 0, 0
            left -= 1
        while left >= 3:
            if not value and left >= 11 and 18 in use:
                many = min(left, 138)
                yield 18, many - 11, 7
            elif not value and 17 in use:
                many = min(left, 10)
                yield 17, many - 3, 3
            elif value and 16 in use:
                # Seven are four and three, not six and one.
                many = left if left <= 6 else 6 if left not in (7, 8) else 4
                yield 16, many - 3, 2
            else:
                break
            left -= many
        for _ in range(left):
            yield value, 0, 0


def _header(lengths, distances):
    """What tells the codes, as (value, bits), in the fewest bits."""
    literals = max(max(i for i, n in enumerate(lengths) if n) + 1, _END + 1)
    used = [i for i, n in enumerate(distances) if n]
    fars = used[-1] + 1 if used else 1
    told = lengths[:literals] + distances[:fars]
    best = None
    for use in ((), (16,), (17,), (18,), (16, 17), (16, 18), (17, 18), (16, 17, 18)):
        symbols = list(_runs(told, use))
        counts = [0] * 19
        for symbol, _, _ in symbols:
            counts[symbol] += 1
        own = code_lengths(counts, 7)
        words = _words(own)
        many = max(i for i, symbol in enumerate(_ORDER) if own[symbol]) + 1
        found = [(literals - 257, 5), (fars - 1, 5), (max(many, 4) - 4, 4)]
        found += [(own[symbol], 3) for symbol in _ORDER[: max(many, 4)]]
        for symbol, value, bits in symbols:
            found += [(words[symbol], own[symbol])] + ([(value, bits)] if bits else [])
        size = sum(bits for _, bits in found)
        if best is None or size < best[0]:
            best = size, found
    return best[1]


def _smooth(counts, near):
    """The counts, those of neighbours that differ by less than the share `near` brought to one."""
    found, run = list(counts), []

    def close(end):
        if len(run) > 3:
            found[end - len(run) : end] = [max(1, round(sum(run) / len(run)))] * len(run)
        run.clear()

    for at, count in enumerate(counts):
        if run and (not count or abs(count - sum(run) / len(run)) > near * max(count, sum(run) / len(run)) + 0.5):
            close(at)
        if count:
            run.append(count)
    close(len(counts))
    return found


def count(tokens):
    """How often each symbol comes, the end of the block with them."""
    counts = [0] * (_END + 1 + len(_LENGTHS)), [0] * len(_DISTANCES)
    for length, distance in tokens:
        if distance:
            counts[0][_END + 1 + _LENGTH[length]] += 1
            counts[1][_DISTANCE[distance]] += 1
        else:
            counts[0][length] += 1
    counts[0][_END] += 1
    return counts


def codes(counts):
    """(the best Codes for a block, its bits with their header)."""
    best = None
    for near in _NEAR:
        found = Codes(*(code_lengths(_smooth(each, near) if near else each) for each in counts))
        bits = found.bits(counts) + sum(n for _, n in found.header)
        if best is None or bits < best[1]:
            best = found, bits
    return best


def matches(data, start, window=WINDOW):
    """For each position from `start` on: [(length, nearest distance that has one as long)], growing."""
    found, chains = [], {}
    for at in range(len(data)):
        key = data[at : at + _LEAST]
        chain = chains.setdefault(key, [])
        if at >= start:
            longest, here, most = _LEAST - 1, [], min(_MOST, len(data) - at)
            for before in reversed(chain if len(key) == _LEAST else []):
                if at - before > window or longest == most:
                    break
                if data[before + longest] != data[at + longest]:
                    continue
                length = 0
                while length < most and data[before + length] == data[at + length]:
                    length += 1
                if length > longest:
                    longest = length
                    here.append((length, at - before))
            found.append(here)
        chain.append(at)
    return found


def costs_of(counts):
    """Bits of each symbol by what it says."""
    found = []
    for each in counts:
        total = sum(each)
        # One that has not come yet may be worth its place in the header.
        found.append([math.log2((total + 1) / max(n, 0.3)) for n in each])
    return found


def parse(data, start, found, costs):
    """The tokens (byte, 0) or (length, distance) from `start` on that cost least."""
    symbols, fars = costs
    lengths = [0] * _LEAST + [
        symbols[_END + 1 + _LENGTH[n]] + _LENGTHS[_LENGTH[n]][1] for n in range(_LEAST, _MOST + 1)
    ]
    far = [bits + _DISTANCES[symbol][1] for symbol, bits in enumerate(fars)]
    size = len(data) - start
    best, way = [0.0] + [math.inf] * size, [None] * (size + 1)
    for at in range(size):
        so_far = best[at]
        cost = so_far + symbols[data[start + at]]
        if cost < best[at + 1]:
            best[at + 1], way[at + 1] = cost, (data[start + at], 0)
        length = _LEAST
        for longest, distance in found[at]:
            here = so_far + far[_DISTANCE[distance]]
            while length <= longest:
                cost = here + lengths[length]
                if cost < best[at + length]:
                    best[at + length], way[at + length] = cost, (length, distance)
                length += 1
    tokens, at = [], size
    while at:
        tokens.append(way[at])
        at -= way[at][0] if way[at][1] else 1
    return tokens[::-1]


# The codes that every reader knows (RFC 1951, 3.2.6).
_FIXED = Codes([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30)


class Head:
    """What streams have in common: `text` to look back to, and `codes` that give each byte, length and distance one.

    `data` is their beginning, which ends with a byte; `size` bytes come out of it that are nobody's.
    """

    def __init__(self, text, codes, size):
        self.codes, self.size = codes, size
        lengths = codes.lengths[0]
        header = 3 + sum(bits for _, bits in codes.header)
        self._pad = self._filling(-header % 8, lengths)
        self.text = text[len(text) - size + len(self._pad) :] + bytes(self._pad)
        bits = Bits()
        bits.put(0, 8)
        plain = size - len(self._pad)
        bits.put(plain, 16)
        bits.put(plain ^ 0xFFFF, 16)
        bits.put(int.from_bytes(self.text[:plain], "little"), 8 * plain)
        _open(bits, codes, last=False)
        for byte in self._pad:
            bits.put(codes.words[0][byte], lengths[byte])
        assert not bits.count % 8 and len(self.text) == size
        self.data = bits.bytes()

    @staticmethod
    def _filling(bits, lengths):
        """Bytes that fill what is left of one: at least one of them, as the codes are read with it."""
        for many in range(1, 9):
            for each in itertools.combinations_with_replacement(sorted(set(lengths[:_END]) - {0}), many):
                if sum(each) % 8 == bits:
                    return [lengths.index(n) for n in each]
        raise ValueError("no codes fill a byte")


def _open(bits, codes, last):
    bits.put(int(last), 1)
    bits.put(2, 2)
    for value, many in codes.header:
        bits.put(value, many)


def costs_before():
    """Before anything has been counted: bytes 8 bits, lengths and distances less."""
    return [8.0] * 256 + [9.0] + [6.0] * len(_LENGTHS), [5.0] * len(_DISTANCES)


def _blocks(tokens, deep=3):
    """[(codes, tokens)] of the blocks that tell `tokens` in the fewest bits, and these bits."""
    found, bits = codes(count(tokens))
    best = [(found, tokens)], bits + 3
    if deep and len(tokens) > 200:
        cuts = [len(tokens) * n // 6 for n in range(1, 6)]
        halves = [(codes(count(tokens[:cut]))[1] + codes(count(tokens[cut:]))[1] + 6, cut) for cut in cuts]
        size, cut = min(halves)
        if size < best[1]:
            parts = [_blocks(part, deep - 1) for part in (tokens[:cut], tokens[cut:])]
            best = parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    return best


def squeeze(data, head=None, window=WINDOW):
    """A raw deflate stream of `data`, or what follows a head in one; it looks back `window` bytes at most."""
    whole = (head.text if head else b"") + data
    start = len(whole) - len(data)
    found = matches(whole, start, window)
    costs, best = costs_before(), None
    if head:
        costs = costs_of(count(parse(whole, start, found, _exact(head.codes))))
    for _ in range(_ROUNDS):
        tokens = parse(whole, start, found, costs)
        counts = count(tokens)
        size = codes(counts)[1]
        if best is None or size < best[0]:
            best = size, tokens
        costs = [[(a + b) / 2 for a, b in zip(new, old)] for new, old in zip(costs_of(counts), costs)]
    blocks, size = _blocks(best[1])
    bits = Bits()
    if head:
        tokens = parse(whole, start, found, _exact(head.codes))
        if head.codes.bits(count(tokens)) + 10 <= size + head.codes.lengths[0][_END]:
            head.codes.write(tokens, bits)
            bits.put(3, 10)  # an empty block, the last
            return bits.bytes()
        head.codes.write([], bits)
    tokens = parse(whole, start, found, _exact(_FIXED))
    fixed = _FIXED.bits(count(tokens)) + 3
    if (len(data) // _STORED + 1) * 40 + 8 * len(data) < min(size, fixed):
        _store(data, bits)
    elif fixed < size:
        bits.put(3, 3)
        _FIXED.write(tokens, bits)
    else:
        for at, (each, tokens) in enumerate(blocks):
            _open(bits, each, last=at == len(blocks) - 1)
            each.write(tokens, bits)
    return bits.bytes()


def _store(data, bits):
    """Blocks of bytes as they are."""
    for at in range(0, len(data), _STORED):
        piece = data[at : at + _STORED]
        bits.put(int(at + _STORED >= len(data)), 3)
        bits.put(0, -bits.count % 8)
        bits.put(len(piece), 16)
        bits.put(len(piece) ^ 0xFFFF, 16)
        bits.put(int.from_bytes(piece, "little"), 8 * len(piece))


def _exact(codes):
    return [[bits or math.inf for bits in each] for each in codes.lengths]


def symbol_of_distance(distance):
    return _DISTANCE[distance]
