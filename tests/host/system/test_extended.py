"""Both forms of the records, from the twin to the broker."""

import json

from tests.host.support import twin_lab


def test_both_forms_reach_the_broker_from_the_twin(tmp_path):
    settings = {"logger.profile": "both", "logger.extended_topic": "lector102/[IMEI]/READINGS"}
    with twin_lab.Lab(tmp_path, settings=settings) as lab:
        lab.twin.start()
        titan = lab.record(60)
        topic = "lector102/%s/READINGS" % twin_lab.IDENT
        other = json.loads(lab.next(60, topic)[1])
    assert (titan["TYPE"], list(titan)[5]) == ("IEC102", "VABA")
    assert (other["TYPE"], other["FORM"]) == ("IEC102", "extended")
    assert other["totals"]["active_import"]["unit"] == "kWh"
