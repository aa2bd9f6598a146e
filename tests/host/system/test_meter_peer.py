"""The AGPL client iec870ree reads the simulator over TCP; what it understands is what the model says.

It shares no code with this project: agreement means that both sides mean the same protocol.
"""

import datetime as dt

import pytest

from firmware.core.zone import Zone
from tests.host.support.peer_client import load_peer
from tools.meter.load import AE, AI, R1, R4
from tools.meter.model import Meter
from tools.twin.device import MeterProcess

ZONE = Zone("Europe/Madrid")
NOW = ZONE.to_utc(2026, 6, 15, 12, 20, 0)
SEED = 3
LINK, POINT, PASSWORD = 34572, 2, 12345678


@pytest.fixture(scope="module")
def peer():
    """(its application layer with an open session, the model of the meter at the other end)."""
    iec870ree = load_peer()
    clock = dt.datetime.fromtimestamp(NOW, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The meter's time all but stands still, so that its values are those of one moment.
    process = MeterProcess(
        *("--tcp", "127.0.0.1:0", "--link", LINK, "--point", POINT, "--password", PASSWORD),
        *("--seed", SEED, "--clock", clock, "--clock-speed", "0.0001"),
    )
    host, port = process.path.rsplit(":", 1)
    line = iec870ree.Ip((host, int(port)), waiting=0.1)
    try:
        line.connect()
        link, app = iec870ree.LinkLayer(LINK, POINT), iec870ree.AppLayer()
        link.initialize(line)
        app.initialize(link)
        link.link_state_request()
        link.remote_link_reposition()
        answer = app.authenticate(PASSWORD)
        assert (answer.tipo, answer.causa_tm, answer.content.clave) == (183, 7, PASSWORD)
        yield app, Meter(SEED, lambda: NOW)
        app.finish_session()
        line.disconnect()
    finally:
        process.stop()
    assert process.process.returncode == 0


def moment(tag):
    """UTC of one of its time labels, read without its help."""
    fields = 2000 + tag.year, tag.month, tag.dayofmonth, tag.hour, tag.minute
    return ZONE.to_utc(*fields, getattr(tag, "seconds", 0), bool(tag.SU))


def local(*fields):
    return ZONE.to_utc(*fields)


def test_identity(peer):
    app, meter = peer
    content = app.get_info().content
    assert (content.codigo_fabricante, content.codigo_equipo) == (
        meter.manufacturer,
        meter.equipment,
    )
    assert content.ano_standard == "4/2002"


def test_clock(peer):
    app, _ = peer
    assert moment(app.read_datetime().content.tiempo) == NOW


def test_instantaneous_values(peer):
    app, meter = peer
    energy, power, wires = app.ext_read_instant_values(objects=[192, 193, 194]).content.valores
    shown = energy.valores
    assert [shown.ai, shown.ae, shown.r1, shown.r2, shown.r3, shown.r4] == meter.totals(NOW)
    assert shown.ai_val and shown.r4_val
    phases = meter.power(NOW)
    active = [sum(p for p, _, _ in phases), *(p for p, _, _ in phases)]
    reactive = [sum(q for _, q, _ in phases), *(q for _, q, _ in phases)]
    groups = power.valores[:4]
    assert [g[1] for g in groups] == [(abs(p) + 500) // 1000 for p in active]
    assert [g[2] for g in groups] == [(abs(q) + 500) // 1000 for q in reactive]
    for group, p, q in zip(groups, active, reactive, strict=True):
        assert group[3] == pytest.approx(abs(p) / (p * p + q * q) ** 0.5, abs=0.0006)
    for wire, (p, q, volts) in zip(wires.valores[:3], phases, strict=True):
        assert wire[2] == pytest.approx(volts / 10)
        assert wire[1] == pytest.approx((p * p + q * q) ** 0.5 * 10 / volts, abs=0.06)
        assert wire[3] is True


def integrated(asdus):
    """[(UTC of the label, [values of the 8 objects], [qualifiers])]."""
    found = []
    for asdu in asdus:
        rows = asdu.content.valores
        assert [row[0] for row in rows] == list(range(1, 9))
        label = moment(asdu.content.tiempo)
        assert all(int(row[3].timestamp()) == label for row in rows)
        found.append((label, [row[1] for row in rows], [row[2] for row in rows]))
    return found


def test_absolute_totals(peer):
    app, meter = peer
    found = integrated(app.read_absolute_values(dt.datetime(2026, 3, 26), dt.datetime(2026, 4, 2), "daily_billings"))
    # Across the switch to summer time; (start, end].
    assert [label for label, *_ in found] == [local(2026, 3, day, 0, 0, 0) for day in range(27, 32)] + [
        local(2026, 4, day, 0, 0, 0) for day in (1, 2)
    ]
    for label, shown, _ in found:
        assert shown == meter.totals(label) + [0, 0]


def test_incremental_totals(peer):
    app, meter = peer
    found = integrated(app.read_incremental_values(dt.datetime(2026, 6, 13), dt.datetime(2026, 6, 14), "profiles"))
    assert [label for label, *_ in found] == [local(2026, 6, 13, 0, 0, 0) + hour * 3600 for hour in range(1, 25)]
    for label, shown, bits in found:
        gained = zip(meter.totals(label - 3600), meter.totals(label), strict=True)
        assert shown == [b - a for a, b in gained] + [0, 0]
        assert bits == [meter.events.qualifier(label - 3600, label)] * 6 + [0x80, 0x80]


def test_blocks_of_increments(peer):
    app, meter = peer
    answers = list(
        app.read_blocks_incremental_values(dt.datetime(2026, 6, 13), dt.datetime(2026, 6, 14), "profiles", 1)
    )
    assert sum(asdu.cualificador_ev for asdu in answers) == 24
    assert {asdu.tipo for asdu in answers} == {140}


def billing(asdus):
    return [asdu.content.valores[0] for asdu in asdus]


def check_billing(rows, meter, start, end):
    periods = [meter.by_period(start), meter.by_period(end)]
    assert [row[0] for row in rows] == list(range(20, 27))
    for row in rows:
        chosen = slice(None) if row[0] == 20 else slice(row[0] - 21, row[0] - 20)
        for register, place in ((AI, 1), (R1, 4), (R4, 7)):
            before, after = (sum(p[register][chosen]) for p in periods)
            assert (row[place], row[place + 1]) == (after, after - before)
        watts, at = meter.maximum(start, end)[row[0] - 20]
        assert row[14] == (watts + 500) // 1000
        if at is not None:
            assert stamp(row[15]) == at
        assert (stamp(row[19]), stamp(row[20])) == (start, end)


def stamp(value):
    """UTC of a time in a billing record, whichever form it has."""
    if isinstance(value, dt.datetime):
        return int(value.timestamp())
    return moment(value)


def test_stored_tariff_information(peer):
    app, meter = peer
    rows = billing(app.stored_tariff_info(dt.datetime(2026, 4, 1), dt.datetime(2026, 6, 1), 1))
    assert len(rows) == 21
    for i, month in enumerate((4, 5, 6)):
        start, end = local(2026, month - 1, 1, 0, 0, 0), local(2026, month, 1, 0, 0, 0)
        check_billing(rows[7 * i : 7 * i + 7], meter, start, end)


def test_current_tariff_information(peer):
    app, meter = peer
    rows = billing(app.current_tariff_info(1))
    check_billing(rows, meter, local(2026, 6, 1, 0, 0, 0), NOW)


def test_the_export_is_contract_three(peer):
    app, meter = peer
    rows = billing(app.current_tariff_info(3))
    assert rows[0][1] == meter.totals(NOW)[AE] > 0


def test_contracted_powers(peer):
    app, meter = peer
    rows = app.get_contracted_powers(1).content.valores
    assert [tuple(row[:2]) for row in rows] == [(21 + i, kw) for i, kw in enumerate(meter.contracted)]


@pytest.mark.parametrize("record", [52, 53, 129])
def test_events(peer, record):
    app, meter = peer
    first, last = dt.datetime(2026, 1, 1), dt.datetime(2026, 6, 1)
    found = [event for asdu in app.read_events(record, first, last) for event in asdu.content.valores]
    expected = meter.events.of(record, local(2026, 1, 1, 0, 0, 0), local(2026, 6, 1, 0, 0, 0))
    assert expected
    assert [(event[0], event[2]) for event in found] == [(spa, spi) for _, spa, _, spi in expected]
    assert [moment(event[3]) for event in found] == [utc for utc, *_ in expected]
    # The client masks the byte with F7 (protocol reference 6.7): its SPQ lacks the bit with weight 4.
    assert [event[1] for event in found] == [spq & ~4 for _, _, spq, _ in expected]


def test_configuration(peer):
    app, meter = peer
    content = app.get_configuration().content
    assert content.codigo_equipo == meter.equipment
    assert content.serial_port_1.params == "8N1"
    assert list(content.active_contracts) == [1, 2, 3]


def test_a_period_that_is_not_there(peer):
    app, _ = peer
    from iec870ree.protocol import IntegrationPeriodNotAvailable

    with pytest.raises(IntegrationPeriodNotAvailable):
        list(app.read_incremental_values(dt.datetime(2001, 1, 1), dt.datetime(2001, 1, 2), "profiles"))


def test_setting_the_clock_comes_last(peer):
    """The client sends the true time; the meter takes it."""
    app, _ = peer
    answer = app.set_datetime()
    assert (answer.tipo, answer.causa_tm) == (181, 7)
    shown = moment(app.read_datetime().content.tiempo)
    assert abs(shown - moment(answer.content.tiempo)) <= 1
