"""UPDATE: order an update over the air. It runs in the background (firmware/update/order.py)."""

from firmware.commands.answer import CommandError


async def update(call):
    # Addresses may have commas in them.
    url, comma, last = call.rest.rpartition(",")
    force = bool(comma) and last.strip().upper() == "FORCE"
    url = url.strip() if force else call.rest.strip()
    try:
        call.device.update(url, force)
    except Exception as error:  # that package's own error; this one does not know its class
        code = getattr(error, "code", None)
        if code is None:
            raise
        raise CommandError(code, str(error)) from None
    await call.say("fetching; GETSTATUS,update tells how far it is")
