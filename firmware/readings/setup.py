"""The meter's configuration: ASDU 141, answered by 142 (protocol reference 6.6)."""

from firmware.port import const
from firmware.readings import forms

TYPE = "IEC102_CFG"
_READ = const(141)


async def read(master, meter, job):
    answer = await master.read(_READ)
    item = answer.objects[0]
    out = job.out
    job.envelope.begin(out, TYPE, job.utc(), meter.ident)
    # MicroPython keeps no order of its own.
    for name in sorted(item):
        value = item[name]
        if isinstance(value, int):
            out.int(name.upper(), value)
        else:
            text = value if isinstance(value, str) else forms.time(job, value)
            out.text(name.upper(), text)
    await job.emit(out.end())
    if job.extended:
        await job.extended.setup(item)
