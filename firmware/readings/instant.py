"""Instantaneous values: ASDU 162 with objects 192, 193 and 194, answered by one 163 (protocol reference 6.8)."""

from firmware import telemetry
from firmware.port import const

TYPE = "IEC102"
_READ = const(162)
_OBJECTS = (192, 193, 194)


async def read(master, meter, job):
    answer = await master.read(_READ, 0, _OBJECTS)
    utc = job.utc()
    await job.emit(telemetry.instant(job.out, job.envelope, utc, meter.ident, answer.objects))
