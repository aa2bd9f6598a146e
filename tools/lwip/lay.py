"""What a launcher of MicroPython needs for a board behind a simulated modem."""

from pathlib import Path

DEVICE = str(Path(__file__).resolve().parent / "device")


def environment(control, path):
    """Variables for a MicroPython whose lwIP is behind the control port `control` of tools.modem.

    `path`: the MICROPYPATH that it would have without.
    """
    return {"LECTOR_LWIP": str(control), "MICROPYPATH": path.replace(":.frozen", "") + ":" + DEVICE + ":.frozen"}
