"""Every model comes up, and every fault is got over within the time that docs/modems.md promises
(virtual time).
"""

from types import SimpleNamespace

import pytest

from firmware.net.modem import bringup, describe, prepare, registration
from firmware.net.modem.exchange import NoAnswer
from firmware.net.modem.link import Failure
from firmware.net.modem.profiles import get, names
from tests.host.support.virtual_modem import Store, World, run_virtual

pytestmark = pytest.mark.takes(15)

# Fault -> (what is done to a modem that is online, seconds until it is online again, words in the
# reason,
# model's boot times to add). docs/modems.md has the same table; test_modem_docs compares.
ONLINE_FAULTS = {
    "hang-up": (lambda m: m.faults.set("hang-up", 1), 10, "no carrier", 0),
    "carrier": (lambda m: m.carrier_lost(), 10, "no carrier", 0),
    "swallow": (lambda m: m.faults.set("swallow"), 150, "keep-online", 0),
    "crash": (lambda m: m.faults.set("crash", 1), 100, "multiplexer", 1),
    "mux-crash": (lambda m: m.faults.set("mux-crash", 1), 100, "multiplexer", 0),
    "freeze": (lambda m: m.faults.set("freeze", "reset"), 150, "multiplexer", 2),
    "freeze=power": (lambda m: m.faults.set("freeze", "power"), 600, "multiplexer", 6),
    "off": (lambda m: m._off(), 120, "multiplexer", 1),
}


def online_budget(profile):
    """Seconds from start to online with a modem that was off: looking for it, boot, registration,
    call.
    """
    return 30 + get(profile)["boot_ms"] // 1000


@pytest.mark.parametrize("profile", names())
@pytest.mark.parametrize("cmux", [True, False])
def test_every_model_comes_up_and_tells_who_it_is(profile, cmux):
    async def main():
        world = World(profile, settings={"cmux": cmux, "model": "auto"})
        await world.online(online_budget(profile))
        status = world.link.status()
        assert status["ip"] == "10.0.2.15"
        assert status["profile"] == profile
        assert status["imei"] == "860000000000001"
        assert status["iccid"] == "8934071100000000001"
        assert status["imsi"] == "214070000000001"
        assert status["operator"] == "LOOPBACK TELECOM"
        assert status["technology"] == "4G"
        assert status["signal"] == -75
        assert status["cmux"] is cmux
        assert world.modem.boots == 1
        utc = world.modem.utc()
        assert [abs(t - utc) < 60 for t in world.times] == [True]
        assert world.modem.settings["+CGDCONT"] == '1,"IP","internet"'

    run_virtual(main)


@pytest.mark.parametrize("fault", ONLINE_FAULTS)
@pytest.mark.parametrize("profile", names())
def test_a_link_that_breaks_comes_back_in_time(profile, fault):
    harm, seconds, reason, boots = ONLINE_FAULTS[fault]
    model = get(profile)
    boot_s = (model["boot_ms"] + model["down_ms"] + model["off_ms"] + model["reset_ms"]) // 1000

    async def main():
        settings = {"keep_online_host": "127.0.0.1:9", "keep_online_period": 60}
        if fault == "swallow":
            settings["keep_online_host"] = "127.0.0.1:1"
        world = World(profile, settings=settings)
        if fault == "swallow":
            # The host's sockets do not run over the carrier: an unanswered probe is played.
            world.link.socket = DeafSockets(world)
        await world.online(online_budget(profile))
        harm(world.modem)
        await world.until(lambda: not world.link.is_up(), seconds)
        assert reason in world.link.status()["last_reason"]
        if fault == "swallow":
            await world.until(lambda: world.link.state == "dialling", 30)
            world.modem.faults.set("swallow", "off")
        await world.online(seconds + boots * boot_s)
        assert sum(world.link.ladder.counts) >= 1
        assert not world.reboots

    run_virtual(main)


class DeafSockets:
    """Sockets that answer only while the modem's carrier lives."""

    AF_INET, SOCK_DGRAM, SOCK_STREAM = 2, 2, 1

    def __init__(self, world):
        self._world = world

    def getaddrinfo(self, host, port):
        return [(2, 1, 0, "", (host, port))]

    def socket(self, family, kind):
        return self

    def setblocking(self, flag):
        assert flag is False

    def connect(self, address):
        raise OSError(115 if "swallow" in self._world.modem.faults else 106)

    def sendto(self, data, address):
        return len(data)

    def recv(self, count):
        raise OSError(11)

    def close(self):
        pass


@pytest.mark.parametrize(
    ("faults", "options", "seconds"),
    [
        ({"slow-boot": 20}, {}, 60),
        ({"chatter": 0.5}, {}, 60),
        ({"register": 100}, {}, 170),
        ({"roaming": 1}, {}, 60),
        ({"echo": 1}, {}, 60),
        ({"no-cmux": 1}, {}, 60),
        ({"no-atd": 1}, {}, 60),
        ({"noise": 20}, {}, 60),
        ({"slow": 0.4}, {}, 90),
        ({"drop": 0.001, "insert": 0.001}, {}, 300),
        ({"stuck": 1}, {"running": True}, 60),
        ({"stuck": "hard"}, {"running": True}, 200),
        ({"stuck": 1}, {"running": True, "baud": 9600}, 90),
        ({"freeze": "reset"}, {}, 300),
        ({"freeze": "power"}, {}, 500),
        ({}, {"baud": 9600}, 60),
        ({}, {"baud": 9600, "running": True}, 60),
        ({}, {"auth": "pap:user:secret"}, 60),
        ({}, {"auth": "chap:user:secret"}, 60),
        ({}, {"pin": "1234"}, 60),
    ],
)
def test_it_comes_up_in_spite_of(faults, options, seconds):
    async def main():
        settings = {"pin": options.get("pin", "")}
        if "auth" in options:
            settings.update(user="user", password="secret", auth=options["auth"][:4].strip(":"))
        world = World("sim7600", faults, settings, **options)
        await world.online(seconds)
        if "no-cmux" in faults:
            assert world.link.status()["cmux"] is False
        assert await world.link.command("AT+CSQ") == ["+CSQ: 19,99", "OK"] or "noise" in faults
        if options.get("running"):
            assert world.modem.boots == (2 if faults.get("stuck") == "hard" else 1)

    run_virtual(main)


@pytest.mark.parametrize("state", ["mux", "data"])
def test_a_modem_left_in_the_middle_of_something_is_fetched_back(state):
    """The board restarted, the modem did not: it still speaks CMUX, or PPP."""

    async def main():
        world = World("ec25", settings={"cmux": state == "mux"})
        await world.online(60)
        world.task.cancel()
        again = World("ec25", settings={"cmux": True})
        again.task.cancel()
        again.link.uart.modem = again.modem = world.modem
        import asyncio

        again.task = asyncio.ensure_future(again.link.run())
        await again.online(30)
        assert world.modem.boots == 1
        assert again.link.ladder.failures == 0

    run_virtual(main)


def test_no_network_climbs_the_whole_ladder_and_says_why():
    async def main():
        world = World(
            "bg95",
            {"no-signal": 1},
            {"timing": {"register": 5000, "backoff_max": 5000, "turn": 200}},
        )
        await world.until(lambda: world.reboots, 1200)
        status = world.link.status()
        assert "no network: searching" in status["last_reason"]
        assert "no network" in world.reboots[0]
        measures = [status["measures"][name] for name in describe.MEASURES[1:]]
        assert measures == [2, 2, 2, 3, 1]
        assert status["signal"] is None
        # Each step is in the log with its reason.
        text = "\n".join(world.log)
        for name in describe.MEASURES[1:]:
            assert "no network: searching for a network; " + name in text
        # And it goes on, should nobody restart the board; that is asked for once only.
        await world.until(lambda: world.link.ladder.counts[5] == 2, 1200)
        await world.until(lambda: world.link.state == "registering", 200)
        assert len(world.reboots) == 1
        world.modem.faults.set("no-signal", "off")
        await world.online(120)

    run_virtual(main)


def test_counters_and_reason_outlive_the_restart_of_the_board():
    store = Store()
    timers = {"timing": {"register": 5000, "backoff_max": 5000, "turn": 200}}

    async def until_the_restart():
        world = World("bg95", {"no-signal": 1}, timers, store=store)
        await world.until(lambda: world.reboots, 1200)
        return world.link.status()

    async def afterwards():
        world = World("bg95", {}, timers, store=store)
        told = world.link.status()
        await world.online(120)
        return told, world.link.status()

    before = run_virtual(until_the_restart)
    told, online = run_virtual(afterwards)
    for status in (told, online):
        assert status["last_reason"] == before["last_reason"] == "no network: searching for a network"
        assert status["last_measure"] == "board restart"
        assert status["measures"] == before["measures"]
    # The link was up again: the next trouble may restart the board once more.
    assert not any(store.values())


def test_a_refused_registration_is_put_into_words_and_does_not_restart_anything():
    async def main():
        world = World("ec25", {"denied": 1}, {"timing": {"backoff_max": 5000, "turn": 200}})
        await world.until(lambda: world.link.ladder.failures >= 6, 1200)
        status = world.link.status()
        assert status["last_reason"] == "registration denied: this network is not allowed"
        assert world.modem.boots == 1
        assert not world.reboots
        world.modem.faults.set("denied", "off")
        await world.online(60)

    run_virtual(main)


@pytest.mark.parametrize("fault", ["no-pdp", "no-answer", "no-ipcp"])
def test_a_call_that_does_not_come_about_is_tried_again(fault):
    async def main():
        world = World("a7670", {fault: 1})
        await world.until(lambda: world.link.ladder.failures >= 2, 400)
        world.modem.faults.set(fault, "off")
        await world.online(120)
        assert world.link.status()["problem"] == ""

    run_virtual(main)


def test_a_wrong_password_is_reported():
    async def main():
        settings = {"user": "user", "password": "wrong", "auth": "chap"}
        world = World("generic", settings=settings, auth="chap:user:right")
        await world.until(lambda: world.link.ladder.failures, 100)
        assert world.link.status()["last_reason"] == "PPP: user or password refused"

    run_virtual(main)


def test_after_a_time_of_good_service_the_ladder_starts_at_its_foot():
    async def main():
        world = World("generic", {"no-pdp": 1})
        await world.until(lambda: world.link.ladder.failures >= 3, 400)
        world.modem.faults.set("no-pdp", "off")
        await world.online(200)
        assert world.link.ladder.failures
        await world.until(lambda: not world.link.ladder.failures, prepare.TIMING["stable"] // 1000 + 10)

    run_virtual(main)


def test_back_off_grows_and_has_a_limit():
    count = prepare.new_ladder([0] * 6)
    waits = []
    for _ in range(30):
        bringup.failed(count, Failure("x"))
        waits.append(bringup.backoff_ms(count, 2000, 900000))
    assert 1500 <= waits[0] <= 2500
    assert all(w <= 900000 * 5 // 4 for w in waits)
    assert waits[-1] >= 900000 * 3 // 4
    assert len(set(waits[-10:])) > 1  # jitter


def test_the_carrier_detect_wire_is_quicker_than_anything_else():
    async def main():
        world = World("ec25", dcd=True)
        await world.online(60)
        world.modem.faults.set("crash", 1)
        assert await world.until(lambda: not world.link.is_up(), 10) < 3
        assert world.link.status()["last_reason"] == "carrier detect went off"
        await world.online(60)

    run_virtual(main)


def test_suspect_without_a_probe_ends_a_silent_call():
    async def main():
        world = World("generic")
        await world.online(60)
        world.modem.faults.set("swallow")
        await world.until(lambda: world.link.session.silent_ms() > 31000, 60)
        assert world.link.is_up()  # nothing shows that the carrier is dead
        world.link.suspect()
        await world.until(lambda: not world.link.is_up(), 5)
        assert world.link.status()["last_reason"] == "no traffic gets through"

    run_virtual(main)


def test_complaints_about_a_server_that_is_down_do_not_restart_anything():
    async def main():
        world = World("generic", settings={"timing": {"backoff_max": 3000, "turn": 100}})
        await world.online(60)
        for _ in range(30):
            # The stand-in's own echoes are traffic, too: without them it is as silent as lwIP.
            world.modem.faults.set("swallow")
            await world.until(lambda: world.link.session.silent_ms() > 31000, 60)
            world.link.suspect()
            await world.until(lambda: not world.link.is_up(), 5)
            world.modem.faults.set("swallow", "off")
            await world.online(100)
        assert world.modem.boots == 1
        assert not world.reboots

    run_virtual(main)


def test_a_complaint_asks_the_modem_once_and_is_forgotten(monkeypatch):
    async def main():
        import asyncio

        world = World("generic", settings={"timing": {"watch": 10000000, "stable": 100000}})
        await world.online(60)
        asked = []
        ask = registration.measure

        def counted(*args):
            asked.append(1)
            return ask(*args)

        monkeypatch.setattr(registration, "measure", counted)
        for _ in range(6):
            world.link.session.last_rx = int(asyncio.get_running_loop().time() * 1000)
            world.link.suspect()
            await asyncio.sleep(150)
        assert len(asked) == 6
        assert world.link.is_up()

    run_virtual(main)


def test_suspect_alone_does_not_end_a_call_that_works():
    async def main():
        world = World("generic")
        await world.online(60)
        world.link.suspect()
        import asyncio

        await asyncio.sleep(5)
        assert world.link.is_up()

    run_virtual(main)


def test_restarting_the_run_task_goes_on():
    """A supervisor may cancel and restart run() at any moment."""

    async def main():
        import asyncio

        world = World("generic")
        for wait in (0.5, 3, 7, 9, 11, 13):
            await asyncio.sleep(wait)
            world.task.cancel()
            await asyncio.sleep(0.1)
            world.task = asyncio.ensure_future(world.link.run())
        await world.online(60)

    run_virtual(main)


def test_dtr_fetches_a_modem_that_does_not_listen_to_plus_plus_plus():
    async def main():
        world = World("ec25", {"stuck": "hard"}, running=True, dtr=True)
        await world.online(30)
        assert world.modem.boots == 1
        assert world.link.ladder.failures == 0

    run_virtual(main)


@pytest.mark.parametrize(
    ("profile", "choice", "key", "value"),
    [
        ("sim7600", "4g", "+CNMP", "38"),
        ("sim7600", "auto", "+CNMP", "2"),
        ("a7670", "2g", "+CNMP", "13"),
        ("sim7000", "nbiot", "+CMNB", "2"),
        ("sim7080", "catm", "+CMNB", "1"),
        ("ec25", "3g", "+QCFG:nwscanmode", '"nwscanmode",2,1'),
        ("bg95", "nbiot", "+QCFG:iotopmode", '"iotopmode",1,1'),
        ("sara-r4", "catm", "+URAT", "7"),
        ("lara-r6", "auto", "+URAT", "3,2,0"),
    ],
)
def test_network_selection(profile, choice, key, value):
    async def main():
        world = World(profile, settings={"network": choice})
        await world.online(online_budget(profile))
        assert world.modem.settings[key] == value

    run_virtual(main)


@pytest.mark.parametrize("auth", ["pap", "chap"])
@pytest.mark.parametrize(
    ("profile", "choice"),
    [(name, choice) for name in names() for choice in get(name)["modes"] or ("auto",)],
)
def test_the_model_knows_every_command_its_profile_sends(profile, choice, auth):
    async def main():
        settings = {"network": choice, "user": "me", "password": "word", "auth": auth}
        world = World(profile, settings=dict(settings, model="auto"), auth=auth + ":me:word")
        await world.online(online_budget(profile) + 30)
        # A refusal is told in a line with the command's name.
        refused = [line for line in world.log if "AT" in line]
        assert not refused, refused
        assert world.link.status()["measures"]["redial"] == 0

    run_virtual(main)


def test_a_selection_the_model_does_not_have_is_said_and_ignored():
    async def main():
        world = World("a7670", settings={"network": "nbiot"})
        await world.online(60)
        assert world.link.status()["note"] == "this model cannot select nbiot"

    run_virtual(main)


@pytest.mark.parametrize(
    ("profile", "key", "value"),
    [
        ("sim7600", "+CGAUTH", '1,1,"s{e}cret","me"'),
        ("a7670", "+CGAUTH", '1,1,"me","s{e}cret"'),
        ("ec25", "+QICSGP", '1,1,"internet","me","s{e}cret",1'),
        ("lara-r6", "+UAUTHREQ", '1,1,"me","s{e}cret"'),
    ],
)
def test_credentials_go_to_the_modem_and_never_to_the_log(profile, key, value):
    async def main():
        settings = {"user": "me", "password": "s{e}cret", "auth": "pap"}
        world = World(profile, settings=settings, auth="pap:me:s{e}cret")
        await world.online(online_budget(profile))
        assert world.modem.settings[key] == value
        assert "s{e}cret" not in "\n".join(world.log) + str(world.link.status())

    run_virtual(main)


def test_the_modem_can_be_asked_while_there_is_no_network():
    async def main():
        world = World("ec25", {"no-signal": 1})
        await world.until(lambda: world.link.state == "registering", 60)
        assert await world.link.command("AT+CSQ") == ["+CSQ: 99,99", "OK"]
        assert (await world.link.command("AT+NONSENSE"))[0].endswith("unknown error")

    run_virtual(main)


def test_a_command_without_cmux_that_goes_wrong_ends_the_call_instead_of_the_link_for_ever():
    async def main():
        world = World("generic", settings={"cmux": False})
        await world.online(60)
        assert await world.link.command("AT+CSQ") == ["+CSQ: 19,99", "OK"]
        assert (await world.link.command("AT+NONSENSE"))[0].endswith("unknown error")
        assert world.link.is_up() and world.link.connects == 1
        world.modem.faults.set("slow", 1000)
        with pytest.raises(NoAnswer):
            await world.link.command("AT+CSQ")
        world.modem.faults.set("slow", "off")
        await world.until(lambda: not world.link.is_up(), 5)
        await world.online(60)

    run_virtual(main)


def test_what_the_modem_says_unasked_is_understood_when_somebody_wants_to_know():
    async def main():
        import asyncio

        world = World("generic")
        await world.online(60)
        for line in ("+CEREG: 2", *['+CEREG: 5,"1F2A","0123ABCD",9'] * 5, "+CREG: 2"):
            world.modem.urc(line)
        await asyncio.sleep(1)
        assert len(world.link.said) == 4  # the bytes of the call do not wait for the code that understands them
        status = world.link.status()
        # Circuit switched is out, packets are in: that counts.
        assert status["registration"] == "registered, roaming" and status["technology"] == "NB-IoT"
        assert not world.link.said
        world.modem.urc("+CEREG: 3,,,,0,11")
        await asyncio.sleep(1)
        assert world.link.status()["registration"].startswith("registration denied")

    run_virtual(main)


def test_commands_while_dialling_are_refused_at_once():
    async def main():
        world = World("generic", {"no-ipcp": 1}, {"cmux": False})
        await world.until(lambda: world.link.channel.stream is None, 60)
        with pytest.raises(NoAnswer):
            await world.link.command("AT+CSQ")

    run_virtual(main)


def test_fifteen_restarts_of_the_modem_leave_nothing_behind():
    async def main():
        import asyncio

        world = World("ec25", settings={"timing": {"backoff_max": 2000, "stable": 1000}})
        for _ in range(15):
            await world.online(100)
            world.modem._boot()
            await world.until(lambda: not world.link.is_up(), 100)
        await world.online(100)
        assert len(world.link.channel._handlers) == 4
        assert len(asyncio.all_tasks()) == 3  # this one, run() and its pump
        assert not world.reboots

    run_virtual(main)


def test_the_uptime_is_right_after_weeks_though_a_boards_ticks_wrap_within_days(monkeypatch):
    async def main():
        world = World("generic")
        await world.online(60)
        since = world.link.session.since
        monkeypatch.setattr(describe, "monotonic_s", lambda: since + 30 * 86400)
        assert world.link.status()["uptime"] == 30 * 86400

    run_virtual(main)


@pytest.mark.parametrize("error", [MemoryError, ValueError, OSError])
def test_what_goes_wrong_with_one_line_does_not_stop_the_bytes(error):
    """The task that moves the bytes outlives a full heap and a handler that breaks."""

    async def main():
        world = World("generic")
        await world.online(60)
        broken = []

        def harm(line):
            broken.append(line)
            raise error("no room")

        world.link.channel.on("+XYZ", harm)
        world.modem.urc("+XYZ: 1")
        await world.until(lambda: broken, 10)
        assert await world.link.command("AT+CSQ") == ["+CSQ: 19,99", "OK"]
        assert world.link.is_up() and world.link.connects == 1
        assert "no room" in "\n".join(world.log)

    run_virtual(main)


@pytest.mark.parametrize(
    ("before", "same"),
    [
        ('1,"IP","internet"', True),
        ('1,"IPV4V6","internet","0.0.0.0",0,0', True),
        ('1,"IP","old","",0,0', False),
        ('1,"PPP","internet"', False),
        ('1,"IPV6","internet"', False),
        ('2,"IP","internet"', False),
    ],
)
def test_the_access_point_is_that_of_the_context_that_is_dialled(before, same):
    async def main():
        world = World("generic", running=True)
        world.modem.settings["+CGDCONT"] = before
        await world.online(60)
        assert (world.modem.settings["+CGDCONT"] == before) is same

    run_virtual(main)


def test_an_access_point_that_is_no_longer_set_is_taken_out():
    async def main():
        world = World("generic", settings={"apn": ""}, running=True)
        world.modem.settings["+CGDCONT"] = '1,"IP","old","",0,0'
        await world.online(60)
        assert world.modem.settings["+CGDCONT"] == '1,"IP",""'

    run_virtual(main)


def test_ppp_is_polled_every_turn_whatever_its_interrupt_does():
    async def main():
        import asyncio

        world = World("generic", settings={"timing": {"turn": 20}})
        await world.online(60)
        polls = []
        session = world.link.session
        poll = session.ppp.poll
        session.ppp.poll = lambda *args: polls.append(args) or poll(*args)
        # A line on which something has always come: without that nobody reads (rp2 waits a millisecond for each byte).
        session.line = SimpleNamespace(any=lambda: 1, irq=session.line.irq)
        await asyncio.sleep(10)
        assert len(polls) >= 450

    run_virtual(main)
