"""A sample of scans is extracted by the reference engine too, and a difference stops the job."""

import math

import pytest

from feature_examples import ball, synthetic_image
from habitat_radiomics.cross_check import cross_checked, difference, is_sampled
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.features import extract_features


def engines(**values):
    """An extraction whose engines return the values given for them."""
    calls = []

    def extract(*, engine):
        calls.append(engine)
        return [("reader1", "tumour", f"feature{n}", value, "") for n, value in enumerate(values[engine])]

    return extract, calls


def test_a_scan_of_the_sample_is_extracted_by_both_engines_and_the_largest_difference_is_reported():
    extract, calls = engines(fast=[1.0, 2.0 + 1e-9, math.nan], reference=[1.0, 2.0, math.nan])
    rows, check = cross_checked(extract, engine="fast", again=True, scan="patient P1, T1")
    assert calls == ["fast", "reference"]
    assert [row[3] for row in rows[:2]] == [1.0, 2.0 + 1e-9]
    assert check["values"] == 3
    assert check["largest_difference"] == pytest.approx(5e-10, rel=1e-6)


@pytest.mark.parametrize(("engine", "again"), [("fast", False), ("reference", True)])
def test_other_scans_and_the_reference_itself_are_extracted_once(engine, again):
    extract, calls = engines(fast=[1.0], reference=[1.0])
    _, check = cross_checked(extract, engine=engine, again=again, scan="patient P1, T1")
    assert calls == [engine]
    assert check == {"values": 0, "largest_difference": None}


@pytest.mark.parametrize("value", [2.0001, math.nan])
def test_a_difference_stops_with_the_scan_the_feature_and_the_cure(value):
    extract, _ = engines(fast=[1.0, value], reference=[1.0, 2.0])
    with pytest.raises(StudyFault) as fault:
        cross_checked(extract, engine="fast", again=True, scan="patient P07, T2")
    text = str(fault.value)
    assert text.startswith(f"patient P07, T2: feature1 of tumour is {value!r} by features.engine fast and 2.0 by the")
    assert "allowed 1e-06). Set features.engine: reference, and report this" in text


def test_near_zero_the_difference_is_absolute():
    assert difference(1e-9, 0.0) == pytest.approx(1e-6)
    assert difference(5.0, 4.0) == 0.25
    assert difference(math.nan, math.nan) == 0
    assert difference(math.inf, math.inf) == 0
    assert difference(1.0, math.nan) == math.inf


def test_the_sample_has_the_share_asked_for_and_grows_without_losing_anyone():
    scans = [(f"P{n}", sequence) for n in range(2000) for sequence in ("T1", "T2")]
    small = {scan for scan in scans if is_sampled(*scan, fraction=0.01)}
    large = {scan for scan in scans if is_sampled(*scan, fraction=0.2)}
    assert 20 <= len(small) <= 60
    assert 700 <= len(large) <= 900
    assert small < large
    assert all(is_sampled(*scan, fraction=1) for scan in scans)
    assert not any(is_sampled(*scan, fraction=0) for scan in scans)


def test_the_fast_engine_passes_its_check_on_every_feature():
    image = synthetic_image()

    def extract(*, engine):
        rows = extract_features(image, {"t": ball(image)}, banks={"t": "A"}, settings={}, engine=engine)
        return [("", *row) for row in rows]

    _, check = cross_checked(extract, engine="fast", again=True, scan="patient P1, T1")
    assert check["values"] == 1130
    assert check["largest_difference"] < 1e-9
