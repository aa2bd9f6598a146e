"""Identity: ASDU 100, answered by 71 (protocol reference 6.2)."""

from firmware.port import const

TYPE = "IEC102_ID"
_READ = const(100)


async def read(master, meter, job):
    answer = await master.read(_READ)
    item = answer.objects[0]
    out = job.out
    job.envelope.begin(out, TYPE, job.utc(), meter.ident)
    out.int("MAN", item["manufacturer"])
    out.int("EQ", item["equipment"])
    out.text("STD", "%04d-%02d" % (item["standard_year"], item["standard_month"]))
    await job.emit(out.end())
    if job.extended:
        await job.extended.identity(item)
