"""Reads a folder with a log, as firmware/log writes it. Changes nothing there."""

from firmware.recordlog import find, format
from firmware.recordlog.files import Files, Journal
from firmware.recordlog.format import Acks
from firmware.recordlog.mount import entries


class Reader:
    """`records`: (seq, kind, utc, payload, delivered) in order; `damaged`: places that could not be read, in words;
    `lost`: records that had to make room before they were delivered."""

    def __init__(self, folder):
        self.folder = folder
        self.damaged = []
        self._acks = Acks()
        self._found = {}
        store = Files(str(folder))
        for number in sorted(store.numbers()):
            self._segment(store, number)
        newest = max(self._found, default=0)
        journal = Journal(store)
        for _, head, payload in entries(journal):
            fields = format.unpack(head)
            if fields and format.is_good(fields, payload):
                if fields[0] == format.ACK:
                    self._acks.merge(payload)
                elif fields[3] > newest:
                    self._found[fields[3]] = (fields[0], fields[4], bytes(payload))
        self.lost = self._acks.lost
        before = None
        for seq in sorted(self._found):
            if before is not None and seq > before + 1:
                self.damaged.append("records %d to %d are missing" % (before + 1, seq - 1))
            before = seq
        self.records = [(seq, *self._found[seq], self._acks.has(seq)) for seq in sorted(self._found)]

    def _segment(self, store, number):
        size = store.size(number)
        name = "%08d.log" % number
        end = 0
        with store.open(number) as file:
            for at, fields in find.heads(file, size, bytearray(format.HEAD)):
                if at > end:
                    self.damaged.append("%s: bytes %d to %d" % (name, end, at - 1))
                kind, length, _, seq, utc, _ = fields
                end = at + format.HEAD + length
                file.seek(at + format.HEAD)
                payload = file.read(length)
                if not format.is_good(fields, payload):
                    what = "a state of deliveries" if kind == format.ACK else "record %d" % seq
                    self.damaged.append("%s: %s at byte %d" % (name, what, at))
                elif kind == format.ACK:
                    self._acks.merge(payload)
                else:
                    self._found.setdefault(seq, (kind, utc, payload))
        if end < size:
            self.damaged.append("%s: bytes %d to %d" % (name, end, size - 1))
