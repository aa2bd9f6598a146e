"""UPDATE: order an update over the air, which runs in the background (firmware/update/order.py), or STOP it."""

from firmware.commands.answer import CommandError
from firmware.core.errors import OrderError


async def update(call):
    # Addresses may have commas in them.
    url, comma, last = call.rest.rpartition(",")
    force = bool(comma) and last.strip().upper() == "FORCE"
    url = url.strip() if force else call.rest.strip()
    stop = url.upper() == "STOP"
    try:
        call.device.update("" if stop else url, force)
    except OrderError as error:
        raise CommandError(error.answer, str(error)) from None
    await call.say("stopped" if stop else "fetching; GETSTATUS,update tells how far it is")
