"""Contracted powers: ASDU 144, answered by 145 (protocol reference 6.6)."""

from firmware.port import const
from firmware.readings import forms

TYPE = "IEC102_PC"
_READ = const(144)
_CONTRACT_I = const(134)


async def read(master, meter, job):
    record = _CONTRACT_I + meter.options.get("contract", 1) - 1
    answer = await master.read(_READ, record)
    out = job.out
    job.envelope.begin(out, TYPE, job.utc(), meter.ident)
    out.text("DT", forms.time(job, answer.time))
    out.key("PC")
    out.raw("[")
    for item in answer.objects:
        out.item()
        out.raw("{")
        out.int(job.envelope.object_key, item["address"])
        out.int("PC", item["power"])
        out.raw("}")
    out.raw("]")
    await job.emit(out.end())
    if job.extended:
        await job.extended.power(record, answer)
