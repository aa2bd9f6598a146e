"""The trace on the page: the ends of its files, whatever is in them, and only for who may look."""

import json
import types

import pytest

from firmware.web import api, start

OK = b"file\r\n\r\nOK\r\n"


def told(data, *files):
    return json.loads(b"".join(api.answer(data, [str(each) for each in files])))


def test_the_newest_lines_come_last(tmp_path):
    new, old = tmp_path / "trace.txt", tmp_path / "trace.old.txt"
    new.write_text("3\n4\n")
    old.write_text("1\n2\n")
    found = told(OK, new, old)
    assert found["trace"] == ["1", "2", "3", "4"] and found["lines"] == ["file"] and found["ok"]


def test_of_a_long_file_its_end_in_whole_lines(tmp_path):
    file = tmp_path / "trace.txt"
    lines = ["%5d.000 port 1 > 10490100004a16" % number for number in range(900)]
    file.write_text("\n".join(lines) + "\n")
    found = told(OK, file)["trace"]
    assert found == lines[-len(found) :] and 85 < len(found) < 95


@pytest.mark.parametrize("size", range(api._TAIL - 3, api._TAIL + 4))
def test_a_file_about_as_long_as_what_is_shown(tmp_path, size):
    file = tmp_path / "trace.txt"
    file.write_text("a" * (size - 3) + "\nb\n")
    assert told(OK, file)["trace"] == (["a" * (size - 3), "b"] if size <= api._TAIL else ["b"])


def test_a_line_that_is_being_written_is_left_for_the_next_time(tmp_path):
    (tmp_path / "trace.txt").write_text("1\n2")
    assert told(OK, tmp_path / "trace.txt")["trace"] == ["1"]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\n"])
def test_what_is_no_text_is_nothing(tmp_path, data):
    (tmp_path / "trace.txt").write_bytes(data)
    assert told(OK, tmp_path / "trace.txt", tmp_path / "none").get("trace", []) in ([], [""])


def test_who_may_not_look_sees_nothing(tmp_path):
    (tmp_path / "trace.txt").write_text("1\n")
    found = told(b'+MTXERR: 3,"no"\r\n\r\nERROR\r\n', tmp_path / "trace.txt")
    assert "trace" not in found and found["code"] == 3


def test_only_a_trace_that_goes_to_a_file_has_files():
    tracer = types.SimpleNamespace(files=["a", "b"], setup=("file", "", 60))
    assert start.traces(types.SimpleNamespace(tracer=tracer)) == ["a", "b"]
    tracer.setup = ("topic", "x", 60)
    assert start.traces(types.SimpleNamespace(tracer=tracer)) == start.traces(types.SimpleNamespace(tracer=None)) == ()
