"""A log in memory with the face of firmware.recordlog's Ring, for tests of whoever drains it."""


class FakeRing:
    def __init__(self, payloads=()):
        self.records = {i + 1: (1, 0, bytes(p)) for i, p in enumerate(payloads)}
        self.acked = []
        self.held = []
        self.flying = set()
        self.damaged = set()
        self.taken = []
        self.flushes = 0

    def take(self):
        for seq in sorted(self.records):
            if seq not in self.flying and seq not in self.acked and seq not in self.held:
                self.flying.add(seq)
                self.taken.append(seq)
                return seq
        return None

    def info(self, seq):
        kind, utc, payload = self.records[seq]
        return kind, utc, len(payload)

    def read_into(self, seq, buf):
        if seq in self.damaged:
            raise OSError("record %d is damaged" % seq)
        payload = self.records[seq][2]
        buf[: len(payload)] = payload
        return len(payload)

    def ack(self, seq):
        self.flying.discard(seq)
        self.acked.append(seq)

    def flush(self):
        self.flushes += 1

    def release(self, seq=None, hold=False):
        if hold:
            self.held.append(seq)
            self.flying.discard(seq)
            return
        if seq == 0:
            self.held.clear()
            return
        self.flying.clear()
