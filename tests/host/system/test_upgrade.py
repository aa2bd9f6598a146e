"""A device that f77621f was installed on is updated over the air: nothing it has is lost or means another thing.

The flashes are those of tests/host/support/upgrade. boot.py, main.py and packfs.mpy on them stay what they were.
"""

import functools
import random
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.host.support import delivery_lab, firmware_board, programs, unix_board
from tests.host.support.together import together
from tests.host.support.upgrade import cuts, field
from tools import pack, patience, release
from tools.board import deploy
from tools.board.device import Device

pytestmark = pytest.mark.takes(50)

KEY = release.generate(2048)
SEED = 102
SAMPLE = 2
LAST = 4
_one = threading.Lock()


@functools.cache
def _made(version):
    with tempfile.TemporaryDirectory() as folder:
        tree = firmware_board.tree(Path(folder) / version, version)
        # With the hash of a parts list in its head, which these devices do not know.
        return release.assemble(firmware_board.compiled(tree), KEY, version, field.NEWER, parts=b"{}")


def made(version):
    """A release of this firmware; cases ask for it side by side."""
    with _one:
        return _made(version)


def same(device, before):
    now = device.settings()
    assert {name: now.get(name) for name in before} == before


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ("fifo", "lifo"))
@together
def test_an_update_over_the_air_keeps_records_settings_and_boot_files(tmp_path, name):
    data = made(field.NEW)
    with field.Field(tmp_path, name, KEY) as device:
        files = field.read(device.image, *field.AROUND, "m0_ledger.json")
        before = device.begun()
        # What could cut it off is on trial and waits for the restart, which is the one into the update.
        assert device.at("SETPARAM,uplink.ping_minutes,50").endswith("OK\r\n")
        device.update(data)
        start = len(device.board.output)
        assert "MODE" not in device.online(180, VERSION=field.NEW, LOG=200)
        found = device.until("start", "start.trial", "false")
        assert found["start.boot"] == "old: make deploy renews it"
        device.said("the changed settings work and stay", start)
        same(device, {**before, "MTX_ping": "50"})
        assert device.login()
        device.until("start", "start.pack", "right")
        device.all_arrived()
        password = device.known["settings"].get("mqtt.password", "")
        assert password.encode() in device.line.connects[-1]
        device.board.cut_power()
        assert field.read(device.image, *files) == files
        if name == "lifo":
            a_damaged_version_is_left(device, data, files)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ("fifo", "lifo"))
@together
def test_a_version_taken_back_and_forward_again_goes_on_over_http_where_it_was(tmp_path, name):
    """f77621f reads past what HTTP has got and what it wants (log/c, its settings), delivers the rest by MQTT and
    appends; the version that knows of them sends over HTTP what came meanwhile, and nothing again."""
    with delivery_lab.Web() as web, field.Field(tmp_path, name, KEY) as device:
        records = device.known["records"]
        before = device.begun()
        device.update(made(field.NEW))
        device.online(180, VERSION=field.NEW)
        device.until("start", "start.trial", "false")
        for change in ("http.server,http://127.0.0.1:%d/in" % web.port, "http.order," + name, "http.enabled,on"):
            assert device.at("SETPARAM," + change).endswith("OK\r\n")
        device.line.passes = 50
        # It said so after a change, too.
        while not device.states.empty():
            device.states.get()
        assert device.at("REBOOT").endswith("OK\r\n")
        device.online(120, VERSION=field.NEW)
        device.until("deliveries", "deliveries.http.waiting", "0", 120)
        device.until("deliveries", "deliveries.mqtt.waiting", "150", 120)
        assert sorted(web.got) == list(records) and len(device.arrived) == 50
        taken_back(device)
        device.online(120, VERSION=field.OLD, LOG=150)
        same(device, before)
        device.board.cut_power()
        records.update(field.append(device.image, name, 30))
        device.board.power_on()
        device.online(120, VERSION=field.OLD, LOG=180)
        device.line.let_through()
        patience.until(lambda: len(set(device.arrived)) >= 230, 120)
        device.until("log", "log.depth", "0")
        # What was on its way when the line was let through may have come twice, what was acknowledged may not.
        arrived = list(device.arrived)
        assert not set(arrived[:50]) & set(arrived[50:]) and sorted(set(arrived)) == sorted(records.values())
        taken_back(device)
        device.online(120, VERSION=field.NEW)
        found = device.until("deliveries", "deliveries.http.delivered", "30", 120)
        assert found["deliveries.http.lost"] == found["deliveries.http.waiting"] == "0"
        assert sorted(web.got) == list(records) and device.arrived == arrived


def taken_back(device):
    """To the version before, by cable: the second time it is the newer one."""
    with Device(device.board.path) as cable:
        deploy.rollback(cable, lambda text: None)
    device.board.cut_power()
    device.board.power_on()


@pytest.mark.timeout(600)
@together
def test_a_fleet_that_is_updated_over_https_goes_on_so_until_it_checks_its_servers(tmp_path):
    """f77621f checks no certificate: what it was given must still do, here one that signed itself and has another
    name. Two updates, the second by this firmware; then update.verify is switched on."""
    certificate = programs.certificate(tmp_path)
    with field.Field(tmp_path, "fifo", KEY) as device:
        before = device.begun()
        device.update(made(field.NEW), certificate)
        device.online(180, VERSION=field.NEW)
        device.until("start", "start.trial", "false")
        same(device, before)
        assert "\noff\r\n" in device.at("GETPARAM,update.verify")
        assert "updates: https servers are not checked (update.verify off)" in device.at("DOCTOR", 90)
        device.update(made("9.9.1"), certificate)
        device.online(180, VERSION="9.9.1")
        device.until("start", "start.trial", "false")
        assert device.at("SETPARAM,update.verify,on").endswith("OK\r\n")
        with unix_board.WebServer(made(field.NEW), certificate=certificate) as web:
            assert device.at("UPDATE,%s,FORCE" % web.url).endswith("OK\r\n")
            assert "is signed by itself" in device.until("update", "update.state", "failed")["update.error"]
        assert "update.verify" not in device.at("DOCTOR", 90)


def a_damaged_version_is_left(device, data, files):
    """Its boot.py does not look at what it starts: the version does, in its first minute."""
    path = device.image.with_name("whole")
    path.write_bytes(data)
    body = release.read(path, release.modulus(KEY))[1]
    start, end = pack.entries(body)[pack.key("firmware/net/modem/pdu.mpy")]
    field.damage(device.image, "app.b/firmware.pack", len(data) - len(body) + (start + end) // 2)
    device.board.power_on()
    device.online(120, VERSION=field.NEW)
    assert device.online(120, VERSION=field.OLD, MODE="previous")["WHY"] == "app.b is damaged"
    device.board.cut_power()
    assert field.read(device.image, *files) == files


@pytest.mark.timeout(600)
@together
def test_a_version_that_fails_its_trial_leaves_everything_as_it_was(tmp_path):
    """It starts and does all that it does to the flash, but reaches no broker, and somebody pulls the plug again and
    again."""
    names = (*field.AROUND, "m0_ledger.json")
    data = made(field.NEW)
    with field.Field(tmp_path, "lifo", KEY) as device:
        files = field.read(device.image, *names)
        before = device.begun()
        device.board.cut = 1  # the first operation of the next start is not carried out
        device.update(data)
        assert device.board.dead.wait(60), device.tail()
        device.line.target = 0
        for _ in range(3):
            start = len(device.board.output)
            device.board.power_on()
            device.said("lector102 %s on" % field.NEW, start)
            device.said("W mqtt: ", start)
            device.board.cut_power()
        device.line.target = device.broker.port
        device.board.power_on()
        found = device.online(120, VERSION=field.OLD, LOG=200, MODE="previous")
        assert "it was an update on trial" in found["WHY"]
        same(device, before)
        assert device.login()
        device.all_arrived()
        device.board.cut_power()
        assert field.read(device.image, *names) == files


@pytest.mark.timeout(600)
@together
def test_the_power_may_fail_while_the_new_version_starts_for_the_first_time(tmp_path):
    """A sample; tests/proof/upgrade_cuts.py cuts it at every operation.

    Among them is the one after each of the last writings of settings: when the file was renamed then, the power cut
    hid which version was to start.
    """
    found = cuts.arranged(tmp_path / "first", KEY, made(field.NEW))
    operations, writes = found[3:]
    assert operations > 20 and len(writes) >= LAST
    numbers = random.Random(SEED).sample(range(1, operations + 1), SAMPLE)
    numbers = sorted({*numbers, *[number + 1 for number in writes[-LAST:]]})
    # Each of them mostly waits.
    with ThreadPoolExecutor(2 * patience.cores()) as pool:
        hit = pool.map(lambda number: cuts.cut(tmp_path / str(number), KEY, found, number), numbers)
        # The last ones may come after the confirmation.
        assert sum(hit) > len(numbers) / 2
