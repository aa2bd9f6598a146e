"""From our settings to those of firmware.modem.link.ModemLink; loaded while the link is built."""


def modem_settings(config, baud):
    """The settings of firmware.modem.link.ModemLink from ours."""
    get = config.get
    return {
        "apn": get("uplink.apn"),
        "user": get("uplink.user"),
        "password": get("uplink.password"),
        "auth": get("uplink.auth"),
        "pin": get("uplink.pin"),
        "network": get("uplink.network"),
        "model": get("uplink.model"),
        "baud": baud,
        "cmux": get("uplink.cmux"),
        "keep_online_host": get("uplink.ping_host"),
        "keep_online_period": get("uplink.ping_minutes") * 60,
        "sms": {
            "enabled": get("sms.enabled"),
            "reply": get("sms.reply"),
            "all_phones": get("sms.all_phones"),
            "numbers": [number.strip() for number in get("sms.phones").split(",")],
            "alias": _aliases(get("sms.alias")),
            "status": get("sms.status"),
            "status_phone": get("sms.status_phone").partition(",")[0].strip(),
        },
    }


def _aliases(text):
    """{word: AT line} of `WORD>LINE|WORD>LINE`."""
    pairs = [each.partition(">") for each in text.split("|") if ">" in each]
    return {word.strip(): line.strip() for word, _, line in pairs}
