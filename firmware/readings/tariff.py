"""Current tariff values: ASDU 133, answered by one 135 per tariff object (protocol reference 6.5)."""

from firmware.port import const
from firmware.readings import forms

TYPE = "IEC102_TAVC"
_CURRENT = const(133)
_CONTRACT_I = const(134)


async def read(master, meter, job):
    out = job.out
    job.envelope.begin(out, TYPE, job.utc(), meter.ident)
    out.key("TAVC")
    out.raw("[")

    record = _CONTRACT_I + meter.options.get("contract", 1) - 1

    async def take(answer):
        for item in answer.objects:
            out.item()
            forms.tariff(job, item)
            if job.extended:
                await job.extended.tariff(TYPE, record, item)

    await master.stream(_CURRENT, record, (), take)
    out.raw("]")
    await job.emit(out.end())
