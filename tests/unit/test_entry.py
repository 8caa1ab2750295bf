import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from habitat_radiomics.cost import read_cost
from habitat_radiomics.entry import arguments, run_step, write_json
from habitat_radiomics.faults import DataFault

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def test_arguments_are_read_by_name_and_lists_may_be_empty(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--out-image", "a b.nii.gz", "--scores"])
    parsed = arguments("out_image", "scores*")
    assert (parsed.out_image, parsed.scores) == ("a b.nii.gz", [])


def test_a_missing_argument_stops(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x"])
    with pytest.raises(SystemExit):
        arguments("settings")
    assert "--settings" in capsys.readouterr().err


def test_json_holds_plain_values_and_null_for_what_could_not_be_computed(tmp_path):
    write_json(tmp_path / "a.json", {"b": np.float64(1.5), "a": [np.int64(2), float("nan")], "c": np.bool_(True)})
    assert (tmp_path / "a.json").read_text() == '{\n "a": [\n  2,\n  null\n ],\n "b": 1.5,\n "c": true\n}\n'


def step(tmp_path, compute, upstream=()):
    record, output = tmp_path / "r.json", tmp_path / "o.nii.gz"
    run_step(compute, record=record, outputs=[output], upstream=upstream)
    return json.loads(record.read_text()), output


def test_a_sound_step_records_what_it_measured(tmp_path):
    record, output = step(tmp_path, lambda: (tmp_path / "o.nii.gz").write_text("x") and {"snr": 3})
    assert record == {"faults": [], "measures": {"snr": 3}}
    assert output.read_text() == "x"


def unusable():
    raise DataFault("mask_empty", "the mask is empty.")


def test_unusable_content_becomes_a_record_and_an_empty_output(tmp_path):
    record, output = step(tmp_path, unusable)
    assert record["faults"] == [{"code": "mask_empty", "message": "the mask is empty."}]
    assert output.read_text() == ""


def test_faults_of_earlier_steps_are_handed_on_and_nothing_is_computed(tmp_path):
    write_json(tmp_path / "before.json", {"faults": [{"code": "a", "message": "b"}], "measures": {}})
    record, output = step(tmp_path, lambda: pytest.fail("computed"), upstream=[tmp_path / "before.json"])
    assert record["faults"] == [{"code": "a", "message": "b"}]
    assert output.exists()


def test_a_programming_error_is_not_swallowed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        step(tmp_path, lambda: 1 / 0)
    assert not (tmp_path / "r.json").exists()


def test_a_script_ends_its_log_with_what_it_cost(tmp_path):
    log, settings = tmp_path / "log", tmp_path / "settings.json"
    settings.write_text("{}")
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n"
    script = tmp_path / "script.py"
    script.write_text(
        code + "from habitat_radiomics.entry import arguments\narguments('settings')\nprint('a message')\n"
    )
    log.write_bytes(subprocess.run([sys.executable, script, "--settings", settings], capture_output=True).stdout)
    seconds, memory = read_cost(log)
    assert 0 < seconds < 60
    assert 5 < memory < 5000
