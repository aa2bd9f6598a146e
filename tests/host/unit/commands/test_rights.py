"""Who may do what on which channel: the defaults, devices of older defaults, the way out, the device's password."""

import functools
import hashlib
import json
import os
import re
import types
from pathlib import Path

import pytest

from firmware.commands import grammar, leave
from firmware.commands.executor import CommandError
from firmware.config import changes, files, password
from firmware.config.files import open_channels
from firmware.core import compat
from tests.host.support.fake_device import Device, Modem
from tests.host.support.roles import WITH_WAY
from tests.host.unit.app.test_trial import pass_time, reboot, start
from tests.host.unit.commands.test_commands import OURS, Desk
from tools.board import settings as board_settings

# What a device of the first release has in config.json: no number of the defaults.
FIRST = {"mqtt.enabled": True, "mqtt.broker": "tcp://old", "mqtt.at_topic": "t/AT", "mqtt.password": "hush-hush"}


def stored(folder):
    return json.loads((Path(folder) / "config.json").read_text())


# --- the defaults


def test_whoever_may_publish_on_the_at_topic_of_a_new_device_looks_and_reads_and_no_more():
    desk = Desk(rights={})
    desk.device.modem = Modem()
    refused = (
        "SETPARAM,mqtt.broker,tcp://stranger", "SETPARAM,uplink.apn,x", "SETPARAM,sms.all_phones,on",
        "SETPARAM,port.1.at,on", "SETPARAM,logger.registers,1", "SETPARAM,console.enabled,off", "SETBAUDRATE,0,300",
        "SAVECONFIG\nMQTT_server: tcp://stranger", "UPDATE,http://stranger/x.rel", "REBOOT", "CLEARLOG,YES",
    )  # fmt: skip
    for line in refused:
        assert desk.error(OURS + line)[0] == 3, line
    for line in ("AT+CFUN=0", 'AT+CPWD="SC","1","2"', "AT+COPS=2", "AT+CSQ=1", "AT+CGDCONT?"):
        assert desk.error(line)[0] == 3, line
    assert desk.device.modem.lines == [] and sorted(desk.device.config.values) == ["device.mtxerr"]
    desk.ok(OURS + "GETSTATUS")
    desk.ok(OURS + "SYNC")


# What each role may, beside what every other may not: the table of commands says the same in another place.
MAY = {
    "view": "AT ATI ATE0 ATE1 HELP VERSION GETSTATUS GETAUDIT GETLOG GETRECORDS CONFIRM LOGIN LOGOUT GETPARAM"
    " GETCONFIG GETIEC102 GETIEC102_CTAVM2 GETIEC102_LC GETIEC102_EV GETIEC102_TAVC GETIEC102_ID GETIEC102_CLOCK"
    " GETIEC102_PC GETIEC102_CFG",
    "meter": "DOCTOR SENDNOW SYNC FORCEREAD SETIEC102 SETIEC102_CTAVM2 SETIEC102_LC SETIEC102_EV SETIEC102_TAVC"
    " SETIEC102_ID SETIEC102_CLOCK SETIEC102_PC SETIEC102_CFG",
    "setup": "SETBAUDRATE SETPARAM SAVECONFIG",
    "danger": "CLEARLOG REBOOT SETCERT UPDATE",
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_what_it_is_there_for_and_nothing_else(role):
    assert sorted(" ".join(MAY.values()).split()) == sorted(row[0] for row in grammar.rows())
    desk = Desk(rights={"mqtt.commands": role})
    for name in " ".join(MAY.values()).split():
        call = types.SimpleNamespace(device=desk.device, channel=desk.channel, line=name)
        if not name.startswith("AT"):
            call.line = OURS + name
        code = 0
        try:
            grammar.understand(call)  # nothing is carried out
        except CommandError as error:
            code = error.code
        assert (code == 3) == (name not in MAY[role].split()), (name, code)


@pytest.mark.parametrize("line", [*grammar._QUESTIONS.split(), "at + csq", "ATI"])
def test_questions_to_the_modem_count_as_a_look(line):
    desk = Desk(rights={"mqtt.commands": "view"})
    desk.device.modem = Modem()
    desk.ok(line)


def test_by_sms_there_is_only_looking():
    desk = Desk("sms", "sms.commands", rights={})
    assert desk.error(OURS + "FORCEREAD")[0] == desk.error(OURS + "REBOOT")[0] == 3
    desk.ok(OURS + "GETLOG")


# --- devices of older defaults


def first(folder, **values):
    (folder / "config.json").write_text(json.dumps({**FIRST, **values}))


def test_a_device_of_the_first_defaults_keeps_what_it_had_and_says_that_it_is_open(tmp_path):
    first(tmp_path)
    app = start(tmp_path)
    assert app.config.get("mqtt.commands") == "view,meter,setup,modem,REBOOT,UPDATE,way"
    assert app.config.get("sms.commands") == "view,meter,REBOOT" and not app.config.get("device.confirm")
    written = stored(tmp_path)
    assert written["defaults"] == 2 and written["mqtt.commands"].startswith("view,meter,setup,modem")
    # What the version before knows is as it was: taken back, it finds it.
    assert {name: written[name] for name in FIRST} == FIRST
    assert open_channels(app.config) == ["mqtt"]
    # Once only: whoever takes rights away keeps them taken.
    app.change({"mqtt.commands": "view,meter", "sms.commands": "view", "device.confirm": "on"})
    app = start(tmp_path)
    assert app.config.get("mqtt.commands") == "view,meter" and app.config.get("device.confirm")
    assert open_channels(app.config) == []


def test_a_new_device_has_the_number_of_its_defaults_from_its_first_change_on(tmp_path):
    start(tmp_path).change({"mqtt.at_topic": "t/AT"})
    assert stored(tmp_path) == {"mqtt.at_topic": "t/AT", "defaults": 2}
    config = start(tmp_path).config
    assert config.get("mqtt.commands") == "view,meter" and open_channels(config) == []
    assert "defaults" not in config.values


@pytest.mark.parametrize(
    "name, words, kept",
    [
        ("mqtt.commands", "view,meter", "view,meter"),  # as the defaults are now: then it is set, and was no default
        ("mqtt.commands", "*", "*"),
        ("mqtt.commands", "view, setup", "view, setup,way"),
        ("port.2.commands", "*,-SETPARAM,-SAVECONFIG", "*,-SETPARAM,-SAVECONFIG"),
        ("sms.commands", "view,SAVECONFIG", "view,SAVECONFIG,way"),
        ("mqtt.commands", "", ""),
        # What the first release could not use either, it took for its default.
        ("mqtt.commands", 5 << 40, "view,meter,setup,modem,REBOOT,UPDATE,way"),
        ("mqtt.commands", None, "view,meter,setup,modem,REBOOT,UPDATE,way"),
        ("MQTT.Commands", "view", "view"),
        # There is room for `way` without the blanks; and where there is none, a list is not lost for it.
        ("mqtt.commands", "view, setup" + ", -SYNC" * 27, "view,setup" + ",-SYNC" * 27 + ",way"),
        ("mqtt.commands", "view,setup,AT" + ",-SYNC" * 31, "view,setup,AT" + ",-SYNC" * 31),
    ],
)
def test_a_list_of_rights_means_what_it_meant(tmp_path, name, words, kept):
    first(tmp_path, **{name: words})
    assert start(tmp_path).config.get(name) == kept
    assert start(tmp_path).config.get(name) == kept


def test_a_power_cut_at_any_step_of_writing_them_down_loses_nothing(tmp_path, monkeypatch):
    for cut in range(6):
        folder = tmp_path / str(cut)
        folder.mkdir()
        first(folder)
        left = [cut]

        def step(*paths, left=left, real):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            real(*paths)

        with monkeypatch.context() as patched:
            for module, name in ((files, "copy"), (compat, "copy"), (os, "remove")):
                patched.setattr(module, name, functools.partial(step, real=getattr(module, name)))
            try:
                start(folder)
            except KeyboardInterrupt:
                assert cut < 4
        config = start(folder).config
        assert config.problems == [] and open_channels(config) == ["mqtt"], cut
        assert config.get("mqtt.password") == "hush-hush"


def test_a_flash_that_takes_nothing_costs_the_note_and_not_the_rights(tmp_path, monkeypatch):
    first(tmp_path)

    def full(_):
        raise OSError(28)

    with monkeypatch.context() as patched:
        patched.setattr(files, "renew", full)
        config = start(tmp_path).config
    assert open_channels(config) == ["mqtt"] and "written anew" in config.problems[0]
    assert "defaults" not in stored(tmp_path)


# --- the way out


def test_setup_alone_does_not_move_the_way_out():
    desk = Desk()
    for line in ("mqtt.broker,tcp://new", "uplink.apn,x", "uplink.type,wifi", "WIFI_ssid,x", "uplink.ping_host,x"):
        assert desk.error(OURS + "SETPARAM," + line)[0] == 3, line
    # The same values sent back are no change: platforms write whole texts.
    desk.device.config.set_many({"mqtt.broker": "tcp://old"})
    desk.ok(OURS + "SAVECONFIG\nMQTT_server: tcp://old\nMQTT_keepalive: 30")


@pytest.mark.parametrize(
    "line, secret",
    [
        ("mqtt.broker,tcp://new", "mqtt.password"),
        ("uplink.apn,x", "uplink.password"),
        ("uplink.apn,x", "mqtt.password"),
        ("uplink.ssid,x", "uplink.key"),
        ("uplink.ssid,x", "mqtt.password"),
    ],
)
@pytest.mark.parametrize("confirm", ["on", "off"])
@pytest.mark.parametrize("channel", ["mqtt", "sms"])
def test_a_secret_goes_nowhere_its_giver_did_not_mean(line, secret, confirm, channel):
    desk = Desk(channel, rights={**WITH_WAY, "device.confirm": confirm, secret: "hush-hush"})
    code, words = desk.error(OURS + "SETPARAM," + line)
    assert code == 3 and secret in words and "SAVECONFIG" in words
    assert desk.error(OURS + "SAVECONFIG\n%s\n%s: ***" % (line.replace(",", ": "), secret))[0] == 3
    assert desk.device.config.staged == {}
    desk.ok(OURS + "SAVECONFIG\n%s\n%s: another" % (line.replace(",", ": "), secret))


def test_where_there_is_no_secret_none_is_wanted():
    desk = Desk(rights=WITH_WAY)
    (line,) = desk.ok(OURS + "SETPARAM,mqtt.broker,tcp://new")
    assert re.fullmatch(r"confirm: ([A-Z2-9]{8}) within 10 min over the new way: AT\^MTXTUNNEL=CONFIRM,\1", line)
    assert desk.after


def test_the_password_at_the_broker_is_changed_by_who_may_move_it():
    line = OURS + "SETPARAM,mqtt.password,hush-hush"
    assert Desk().error(line)[0] == 3
    assert Desk(rights=WITH_WAY).ok(line) == []
    assert Desk(rights={"mqtt.commands": "setup,danger"}).ok(line) == []


@pytest.mark.parametrize("name, value", [
    ("sms.phones", "600111222"), ("sms.all_phones", "on"), ("sms.status_phone", "600111222"), ("sms.commands", "*"),
    ("port.2.commands", "*"), ("device.password", "mine"), ("device.confirm", "off"),
    ("console.enabled", "off"),
])  # fmt: skip
def test_who_commands_is_settled_where_everything_is_allowed(name, value):
    line = OURS + "SETPARAM,%s,%s" % (name, value)
    words = "%s can't be changed on this channel, only where danger is allowed" % name
    assert Desk(rights=WITH_WAY).error(line) == (3, words)
    Desk(rights={"mqtt.commands": "view,setup,danger"}).ok(line)


def test_the_console_needs_no_code_and_confirms():
    desk = Desk("console", "console.commands", rights={"mqtt.password": "hush-hush"})
    assert desk.ok(OURS + "SETPARAM,mqtt.broker,tcp://new") == [] and desk.after is None
    desk.ok(OURS + "CONFIRM")
    assert desk.device.confirmed == ("", True)


def test_confirm_comes_over_mqtt_or_the_console():
    assert Desk("sms", "sms.commands", rights={}).error(OURS + "CONFIRM,ABCDEFGH")[0] == 3
    desk = Desk(rights={})
    assert desk.error(OURS + "CONFIRM,ABCDEFGH") == (3, "that is not the code")


def test_codes_differ():
    desk = Desk(rights=WITH_WAY)
    line = OURS + "SETPARAM,mqtt.broker,tcp://new%d"
    codes = {desk.ok(line % number)[0].split()[1] for number in range(50)}
    assert len(codes) == 50 and not set("".join(codes)) - set(leave._LETTERS)


def test_what_has_had_another_default_is_what_is_always_written_down():
    assert tuple(name for name, _ in files._FIRST) == changes._WRITTEN[:-1]


@pytest.fixture
def app(tmp_path):
    """A device that is online at tcp://old, its password there is hush-hush."""
    first_settings = {"mqtt.enabled": "on", "mqtt.broker": "tcp://old", "mqtt.password": "hush-hush"}
    start(tmp_path).change({**first_settings, **WITH_WAY})
    return start(tmp_path)


def moved(app, **values):
    app.change({"mqtt.broker": "tcp://new", **values}, "ABCDEFGH")
    app.begin_trial()


def arrive(app):
    """The answer with the code is out, the new way is tried and reached."""
    app.watch_trial()
    app.mqtt.connections += 1


def test_the_new_way_is_tried_when_its_code_has_gone_the_old_one(app):
    app.change({"mqtt.broker": "tcp://new"}, "ABCDEFGH")
    app.watch_trial()
    assert app.mqtt.settings["host"] == "old"
    app.begin_trial()
    app.mqtt.answering = True
    app.watch_trial()
    assert app.mqtt.settings["host"] == "old"
    app.mqtt.answering = False
    arrive(app)
    assert app.mqtt.settings["host"] == "new"


def test_a_code_that_does_not_get_through_ends_it(app, tmp_path):
    moved(app)
    app.mqtt.answering = True
    pass_time(app, 301)
    assert app.mqtt.settings["host"] == "old" and not app.config.staged
    assert start(tmp_path).mqtt.settings["host"] == "old"


def test_no_record_goes_there_before_it_is_confirmed(app):
    moved(app)
    arrive(app)
    assert app.mqtt.settings["window"] == 0
    # Being reached proves nothing: whoever gave the address may have made the broker.
    pass_time(app, 300)
    assert app.config.trying and app.mqtt.settings["window"] == 0
    assert app.confirm("ABCDEFGX") == "that is not the code" and app.config.trying
    before = app.mqtt.settings
    assert app.confirm("abcdefgh") == ""
    assert not app.config.trying and app.mqtt.settings["window"] == 8
    assert app.mqtt.settings is before, "a new connection would be for nothing"


def test_what_is_not_confirmed_is_taken_back(app, tmp_path):
    moved(app)
    arrive(app)
    pass_time(app, 601)
    assert app.mqtt.settings["host"] == "old" and app.mqtt.settings["window"] == 8
    assert app.confirm("ABCDEFGH") == "nothing waits to be confirmed"
    assert start(tmp_path).mqtt.settings["host"] == "old"


def test_the_code_counts_over_the_new_way_only(app):
    moved(app)
    assert "over the new way" in app.confirm("ABCDEFGH")
    app.watch_trial()  # begun, and the old connection is still the last one
    assert "over the new way" in app.confirm("ABCDEFGH")
    app.mqtt.connections += 1
    assert app.confirm("ABCDEFGH") == ""


def test_a_restart_on_the_way_keeps_the_code(app, tmp_path):
    app.change({"uplink.apn": "new", "mqtt.password": "hush-hush"}, "ABCDEFGH")
    app.begin_trial()
    app.watch_trial()
    assert app.config.get("uplink.apn") == ""
    app = reboot(app, tmp_path)
    assert app.config.get("uplink.apn") == "new" and app.mqtt.settings["window"] == 0
    pass_time(app, 300)
    assert app.config.trying
    assert app.confirm("ABCDEFGH") == ""
    assert start(tmp_path).config.get("uplink.apn") == "new"


def test_the_console_confirms_what_waits(app, tmp_path):
    moved(app)
    assert app.confirm("", True) == ""
    assert app.mqtt.settings["host"] == "new" and app.mqtt.settings["window"] == 8
    assert start(tmp_path).mqtt.settings["host"] == "new"


def test_without_codes_a_broker_that_is_reached_stays_and_gets_records_from_then_on(app):
    app.change({"mqtt.broker": "tcp://new"})
    assert app.mqtt.settings["host"] == "new" and app.mqtt.settings["window"] == 0
    pass_time(app, 11)
    assert not app.config.trying and app.mqtt.settings["window"] == 8


def test_a_change_that_stays_at_the_broker_holds_nothing_up(app):
    app.change({"mqtt.keepalive": 30})
    assert app.config.trying and app.mqtt.settings["window"] == 8


# --- the device's password


def test_the_password_is_kept_salted_and_hashed(tmp_path):
    app = start(tmp_path)
    app.change({"device.password": "open sesame"})
    text = (tmp_path / "config.json").read_text()
    assert "sesame" not in text and len(stored(tmp_path)["device.password"]) <= 32
    kept = app.config.get("device.password")
    assert password.fits(kept, "open sesame")
    for wrong in ("open sesam", "open sesame ", "open sesame!", "", kept, "Open sesame"):
        assert not password.fits(kept, wrong), wrong
    app.change({"device.password": "open sesame"})
    assert app.config.get("device.password") != kept, "another salt"


def test_a_hash_takes_as_long_whatever_is_guessed(monkeypatch):
    kept = password.seal("open sesame")
    rounds = []
    real = hashlib.sha256
    monkeypatch.setattr(password.hashlib, "sha256", lambda data: rounds.append(1) or real(data))
    for guess in ("", "o", "open sesame", "open sesame and far more than that " * 5):
        rounds.clear()
        password.fits(kept, guess)
        assert len(rounds) == password._ROUNDS


class Trial:
    """firmware.update.safestart.Guard of a version on trial."""

    state = "trial"
    mode = "normal"


def test_while_an_update_is_on_trial_the_version_before_still_knows_the_password(tmp_path):
    (tmp_path / "config.json").write_text('{"device.password": "sesame", "mqtt.enabled": true}')
    app = start(tmp_path)
    app.guard = Trial()
    app.watch_trial()
    assert stored(tmp_path)["device.password"] == "sesame"
    app.change({"device.password": "seasoned"})
    app.watch_trial()
    assert stored(tmp_path)["device.password"] == "seasoned" and password.fits("seasoned", "seasoned")
    app.guard.state = "ok"
    app.watch_trial()
    for name in ("config.json", "config.json.bak"):
        text = (tmp_path / name).read_text()
        assert "seasoned" not in text and "sesame" not in text
    assert password.fits(start(tmp_path).config.get("device.password"), "seasoned")


def test_login_knows_both_forms(monkeypatch):
    async def no_wait(ms):
        pass

    from firmware.commands.handlers import general

    monkeypatch.setattr(general, "sleep_ms", no_wait)
    for kept in ("door", password.seal("door")):
        desk = Desk("console", "console.commands", rights={"device.password": kept})
        assert desk.error(OURS + "LOGIN,doo")[0] == desk.error(OURS + "LOGIN,%s" % password.seal("x"))[0] == 3
        desk.ok(OURS + "LOGIN,door")
        desk.ok(OURS + "GETSTATUS")


# --- what it says about that


def doctor(desk):
    desk.device.status = lambda: {"link": {"up": True}, "mqtt": desk.device.mqtt.status(), "meters": []}
    return desk.ok(OURS + "DOCTOR")


def test_doctor_tells_what_a_stranger_could_do():
    desk = Desk(rights={"mqtt.enabled": True, "mqtt.at_topic": "t/[IMEI]/AT"})
    text = "\n".join(doctor(desk))
    assert "access by mqtt: whoever may publish on t/860000000000001/AT can look, read meters\n" in text
    assert "access by console: whoever is at the console can look, read meters, change settings, move it" in text
    assert "OPEN" not in text and "access by sms" not in text and "access by port" not in text
    assert "access by page" not in text
    desk.device.config.set_many({"sms.enabled": True, "sms.all_phones": True, "port.2.at": True, **WITH_WAY})
    desk.device.config.set_many({"device.confirm": False, "device.password": "door", "page.password": "a good one"})
    text = "\n".join(doctor(desk))
    assert "access by sms: any telephone can look\n" in text
    assert "access by port.2: what hangs on port 2 can look, read meters\n" in text
    assert "access by page: whoever has its password can look, read meters, change settings, restart it" in text
    assert "install signed updates; a new broker stays as soon as it is reached (device.confirm off)" in text
    assert "and has the password" in text


def test_doctor_and_the_online_topic_say_open(tmp_path):
    first(tmp_path)
    app = start(tmp_path)
    app.link = Device().link
    app.version, app.reset_cause = "1", "power on"
    assert json.loads(app.online_text())["OPEN"] == "mqtt"
    desk = Desk(path=str(tmp_path / "config.json"), rights={})
    desk.device.config.load()
    text = "\n".join(doctor(desk))
    assert "access by mqtt: OPEN, with the rights of the older defaults: whoever may publish on t/AT can" in text
    assert "do: on the console SETPARAM,mqtt.commands, and view" in text
    app.change({"mqtt.commands": "view,meter"})
    assert "OPEN" not in json.loads(app.online_text())


def test_a_platform_s_text_is_told_what_it_may_not_do():
    desk = Desk("console", "console.commands", rights={})
    (line,) = desk.ok(OURS + "SAVECONFIG\nMQTT_attopic1: /AT\nMQTT_server: tcp://titan")
    assert line == (
        "note: the broker may not change settings, talk to the modem, restart, update; what grants it: "
        "AT^MTXTUNNEL=SETPARAM,mqtt.commands,view,meter,setup,modem,REBOOT,UPDATE"
    )
    desk.ok(line.partition("grants it: ")[2])
    assert desk.ok(OURS + "SAVECONFIG\nMQTT_attopic1: /AT") == []
    assert desk.ok(OURS + "SAVECONFIG\nMQTT_keepalive: 30") == []


# --- make config


def asked(current, *answers):
    questions, left = [], list(answers)

    def ask(question):
        if not question.startswith("  "):
            return ""
        questions.append(question)
        return left.pop(0) if left else ""

    values = board_settings.interview(current, ask, ask, lambda text: None)
    board_settings.check(values)
    return values.get("mqtt.commands"), questions


def test_make_config_asks_once_in_plain_words_what_the_broker_may():
    broker = {"mqtt.broker": "tcp://b"}
    words, questions = asked(broker)
    assert words == "view,meter" and len(questions) == 3
    assert "settings" in questions[0] and "restart" in questions[1] and "updates" in questions[2]
    assert asked(broker, "yes", "what", "y", "no")[0] == "view,meter,setup,REBOOT"
    assert asked({}) == (None, []), "without a broker there is nothing to ask"
    assert asked({**broker, "mqtt.commands": "view"}) == (None, [])
    # An older device is asked, and keeps what is not taken away.
    old = {**broker, "mqtt.at_topic": "t/AT", "mqtt.commands": WITH_WAY["mqtt.commands"]}
    assert asked(old, "", "", "n")[0] == "view,meter,setup,REBOOT"
