"""What the twin's LED would show."""

import pytest

from tests.host.support.twin_lab import Lab


@pytest.mark.parametrize(("meter", "code"), [((), 1), (("--mute",), 3)])
def test_the_twin_tells_what_it_would_show(tmp_path, meter, code):
    with Lab(tmp_path, meter=meter, settings={"iec102.answer_timeout": 300, "iec102.retries": 1}) as lab:
        lab.twin.start()
        lab.twin.wait_line("LED: %d" % code, 40)
