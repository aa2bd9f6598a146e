"""Valid inputs made wrong: bits turned, pieces cut, put in, repeated, taken from others; lengths that lie."""

_EDGES = (0, 1, 2, 0x10, 0x16, 0x20, 0x2C, 0x3A, 0x3F, 0x40, 0x68, 0x7F, 0x80, 0xE5, 0xFE, 0xFF)
_NUMBERS = (
    b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536", b"2147483648", b"4294967295", b"4294967296",
    b"99999999999999999999", b"1e999", b"00000000000", b"0x10", b"1.5", b"\xc2\xb2", b"\xd9\xa3",
)  # fmt: skip


class Mutator:
    """`make()` gives the next of `seeds` (bytes each) with 1 to 8 things wrong, of at most `most` bytes.

    `words`: pieces (bytes) of which one may be put in anywhere. `generator`: a random.Random.
    """

    def __init__(self, generator, seeds, words=(), most=0):
        self.seeds = [bytes(seed) for seed in seeds]
        self._random = generator.random
        self._bytes = generator.randbytes
        self._words = tuple(words) or (b"\0",)
        self._most = most or 4 * max(map(len, self.seeds))
        self._ways = (
            self._flip, self._flip, self._put, self._put, self._cut, self._behead, self._drop, self._insert,
            self._word, self._repeat, self._exchange, self._splice, self._number, self._length,
        )  # fmt: skip
        self._long = (self._flip, self._put, self._length)

    def below(self, limit):
        return int(self._random() * limit)

    def one_of(self, items):
        return items[int(self._random() * len(items))]

    def make(self, data=None, long=False):
        """The next one; of `data` where that is given. `long`: it is as long as it was."""
        data = bytearray(self.one_of(self.seeds) if data is None else data)
        for _ in range(1 + self.below(1 + self.below(8))):
            self.one_of(self._long if long else self._ways)(data)
        return bytes(data[: self._most])

    def _span(self, data):
        start = self.below(len(data) + 1)
        return start, min(len(data), start + 1 + self.below(1 + self.below(40)))

    def _flip(self, data):
        if data:
            data[self.below(len(data))] ^= 1 << self.below(8)

    def _put(self, data):
        if data:
            data[self.below(len(data))] = self.one_of(_EDGES) if self.below(2) else self.below(256)

    def _cut(self, data):
        del data[self.below(len(data) + 1) :]

    def _behead(self, data):
        del data[: self.below(min(len(data), 20) + 1)]

    def _drop(self, data):
        start, end = self._span(data)
        del data[start:end]

    def _insert(self, data):
        at = self.below(len(data) + 1)
        data[at:at] = self._bytes(1 + self.below(8))

    def _word(self, data):
        at = self.below(len(data) + 1)
        data[at:at] = self.one_of(self._words)

    def _repeat(self, data):
        start, end = self._span(data)
        data[start:start] = data[start:end] * (1 + self.below(1 + self.below(30)))

    def _exchange(self, data):
        start, end = self._span(data)
        piece = data[start:end]
        del data[start:end]
        at = self.below(len(data) + 1)
        data[at:at] = piece

    def _splice(self, data):
        other = self.one_of(self.seeds)
        start = self.below(len(other) + 1)
        at = self.below(len(data) + 1)
        data[at : len(data) if self.below(2) else at] = other[start : start + 1 + self.below(len(other) + 1)]

    def _number(self, data):
        """Digits become other ones."""
        at = start = self.below(len(data) + 1)
        while start < len(data) and not 48 <= data[start] < 58:
            start += 1
        end = start if start < len(data) else at
        start = end
        while end < len(data) and 48 <= data[end] < 58:
            end += 1
        data[start:end] = self.one_of(_NUMBERS)

    def _length(self, data):
        """A number of one, two or four bytes becomes one of the edges, or a bit more or less."""
        size = self.one_of((1, 2, 2, 4))
        if len(data) < size:
            return
        at = self.below(len(data) - size + 1)
        order = self.one_of(("little", "big"))
        value = int.from_bytes(data[at : at + size], order)
        limit = 1 << 8 * size
        value = self.one_of((0, 1, limit - 1, limit // 2, value + 1, value - 1, len(data), 2 * value)) % limit
        data[at : at + size] = value.to_bytes(size, order)
