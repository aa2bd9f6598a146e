"""The rights a test gives its device over MQTT where it is about something else: a new device has `view,meter`."""

GRANTED = {"mqtt.commands": "view,meter,setup,modem,REBOOT,UPDATE"}
# Who may move the device to another broker or network, too.
WITH_WAY = {"mqtt.commands": GRANTED["mqtt.commands"] + ",way"}
