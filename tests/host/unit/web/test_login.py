"""Who gets in to the page: pauses after wrong passwords, sessions that end, no page where there can be none."""

import json
import types

import pytest

from firmware.app import apply_settings
from firmware.config import check, password
from firmware.config.config import Config
from firmware.core.errors import ConfigError
from firmware.web import login, start
from firmware.web.login import Logins, Wait
from firmware.web.server import Page
from tests.host.support.page_client import proof

SEALED = password.seal("a good password")


@pytest.fixture
def clock(monkeypatch):
    """Seconds, as a list of one."""
    now = [1000]
    monkeypatch.setattr(login, "monotonic_s", lambda: now[0])
    return now


@pytest.fixture
def logins(clock):
    return Logins(lambda: SEALED)


def enter(logins, text):
    salt, challenge = logins.challenge()
    return logins.enter(proof(text, {"salt": salt, "challenge": challenge}))


# --- wrong passwords


def test_a_thousand_wrong_passwords_take_days_and_the_right_one_still_counts(logins, clock):
    start, refused = clock[0], 0
    for _ in range(1000):
        while True:
            try:
                assert enter(logins, "wrong") is None
                break
            except Wait as wait:
                assert 0 < wait.seconds <= 300
                with pytest.raises(Wait):
                    enter(logins, "a good password")  # whoever asks
                refused += 1
                clock[0] += wait.seconds
    assert clock[0] - start > 3 * 86400 and refused == 995 and logins.wrong == 1000
    clock[0] += 300
    assert enter(logins, "a good password") and logins.wrong == 0
    assert len(logins._challenges) <= 4


def test_the_pauses_double_up_to_five_minutes(logins, clock):
    waits = []
    for _ in range(15):
        try:
            enter(logins, "wrong")
        except Wait as wait:
            waits.append(wait.seconds)
            clock[0] += wait.seconds
            enter(logins, "wrong")
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_the_rounds_are_those_that_seal_a_password():
    assert login.ROUNDS == password._ROUNDS and SEALED[:3] == "$1$" and len(SEALED[3:11]) == 8


def test_a_challenge_counts_for_two_minutes_and_four_at_a_time(logins, clock):
    asked = [logins.challenge() for _ in range(6)]
    answers = [proof("a good password", {"salt": salt, "challenge": text}) for salt, text in asked]
    assert [logins.enter(each) is not None for each in answers[:2] + answers[3:]] == [False, False, True, True, True]
    asked = logins.challenge()
    clock[0] += 121
    assert logins.enter(proof("a good password", {"salt": asked[0], "challenge": asked[1]})) is None


# --- sessions


def test_a_session_ends_after_a_quarter_of_an_hour_in_which_nobody_asks(logins, clock):
    token = enter(logins, "a good password")
    for _ in range(10):
        clock[0] += 890
        assert logins.known(token)
    clock[0] += 901
    assert not logins.known(token)


def test_the_fifth_session_ends_the_one_that_was_used_least(logins):
    tokens = [enter(logins, "a good password") for _ in range(4)]
    assert logins.known(tokens[0])
    tokens.append(enter(logins, "a good password"))
    assert [logins.known(each) for each in tokens] == [True, False, True, True, True]


def test_tokens_and_challenges_have_128_bits(logins):
    found = {logins.challenge()[1] for _ in range(100)} | {enter(logins, "a good password") for _ in range(20)}
    assert len(found) == 120 and all(len(each) == 32 for each in found)


def test_another_password_ends_all_sessions(tmp_path):
    config = Config(str(tmp_path / "config.json"))
    config.load()
    config.set_many({"page.password": SEALED})
    page = Page(types.SimpleNamespace(look_up=lambda: None), config.get, lambda: None, tuple)
    token = enter(page.api.logins, "a good password")
    page.forget()
    assert not page.api.logins.known(token)


def test_without_a_password_nobody_gets_in():
    logins = Logins(str)
    salt, challenge = logins.challenge()
    for text in ("", "x"):
        assert logins.enter(proof(text, {"salt": "", "challenge": challenge})) is None
    assert salt == ""


# --- where there is a page


@pytest.mark.parametrize("text", ["x", "1234567"])
def test_a_short_password_is_none(text, tmp_path):
    config = Config(str(tmp_path / "config.json"))
    config.load()
    app = types.SimpleNamespace(config=config, unsealed=False)
    with pytest.raises(ConfigError, match=r"page\.password: \*\*\* is not allowed; allowed: 8 to 32 char.*no page"):
        apply_settings._sealed(app, {"page.password": text})
    (tmp_path / "config.json").write_text(json.dumps({"page.password": text}))
    config.load()
    assert config.get("page.password") == ""
    sealed = apply_settings._sealed(app, {"page.password": "12345678"})["page.password"]
    assert password.sealed(sealed)
    config.set_many({"page.password": sealed})
    config.set_many({"page.password": ""})


def test_the_base_version_says_in_one_sentence_which_boards_have_a_page(monkeypatch):
    monkeypatch.setattr(check, "tls_is_here", lambda: False)
    config = Config()
    with pytest.raises(ConfigError) as told:
        config.set_many({"page.password": "a good password"})
    words = "this version has no page, a Pico 2 W and the boards with PSRAM have"
    assert str(told.value).endswith(words) and "a good" not in str(told.value)
    config.set_many({"page.password": "", "page.port": 8080})


@pytest.mark.parametrize(
    ("up", "way", "ppp", "place"),
    [
        (True, "wifi", False, ("0.0.0.0", 80)),
        (True, "ethernet", False, ("0.0.0.0", 80)),
        (True, "modem", False, None),
        (True, "modem", True, ("0.0.0.0", 80)),
        (False, "wifi", True, None),
        (True, "host", False, ("127.0.0.1", 80)),
    ],
)
def test_it_listens_on_the_network_of_the_house_and_over_the_modem_only_when_told(up, way, ppp, place):
    config = Config()
    config.set_many({"page.ppp": ppp})
    link = types.SimpleNamespace(status=lambda: {"uplink": way, "up": up})
    assert start.place(types.SimpleNamespace(link=link, config=config)) == place


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("192.168.4.1", True),
        ("192.168.4.1:8080", True),
        ("device.test", True),
        ("DEVICE.test:80", True),
        ("second", True),
        ("", False),
        ("evil.example", False),
        ("device.test.evil.example", False),
        ("1.2.3", False),
        ("1.2.3.4.evil", False),
        ("device.test:", True),
        ("device.test:8x", False),
    ],
)
def test_a_host_is_an_address_or_a_name_it_was_given(host, good):
    for text, wanted in (("device.test, second", good), ("", good and host[:1] == "1")):
        page = Page(types.SimpleNamespace(look_up=lambda: None), {"page.hosts": text}.get, lambda: None, tuple)
        assert page.api.named(host) == wanted
