import pytest

from habitat_radiomics.acquisition import acquisition_columns
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.import_mapping import mapping_example, read_mapping, reading_of


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "map.yaml").write_text(text)
        return read_mapping(tmp_path / "map.yaml")

    return read


def fault(read, text):
    with pytest.raises(StudyFault) as raised:
        read(text)
    return str(raised.value)


def test_short_and_long_forms_mean_the_same(read):
    short = read("sequences: {T1: '^t1'}\nroi: GTV")
    assert short == read("sequences: {T1: {series: '^t1', roi: GTV}}")
    assert short["sequences"]["T1"] == {"series": "^t1", "where": {}, "roi": "GTV"}


def test_where_compares_text(read):
    assert read("sequences: {T1: {series: t1, where: {EchoNumbers: 1}}}")["sequences"]["T1"]["where"] == {
        "EchoNumbers": "1"
    }


def test_the_first_rule_that_matches_tells_the_reading(read):
    mapping = read("sequences: {T1: t1}\nreadings: [{match: second, reader: B, repeat: 2}, {match: b, reader: B}]")
    assert reading_of(mapping, ["b/second.dcm"]) == ("B", "2")
    assert reading_of(mapping, ["x", "B"]) == ("B", "1")
    assert reading_of(mapping, ["x"]) == ("1", "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "`sequences:` with at least one line"),
        ("sequences: [T1]", "`sequences:` with at least one line"),
        ("sequences: {T1: '('}", "sequences.T1.series: '(' is no regular expression"),
        ("sequences: {T 1: t1}", "'T 1' cannot name files"),
        ("sequences: {T1: }", "a regular expression for the series is needed"),
        (
            "sequences: {T1: t1}\nrio: GTV",
            "unknown key 'rio'. Allowed: sequences, roi, readings, skip. Did you mean 'roi'?",
        ),
        ("sequences: {T1: {series: t1, were: {}}}", "sequences.T1: unknown key 'were'"),
        ("sequences: {T1: t1}\nreadings: [{reader: 2}]", "readings 1: `match` (a regular expression) is needed"),
        ("sequences: {T1: t1}\nreadings: [{match: a, reader: 'B C'}]", "reader and repeat are letters and digits"),
        ("sequences: {T1: t1", "cannot be read"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(read, text, said):
    assert said in fault(read, text)


def test_a_mapping_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(StudyFault, match=r"absent.yaml cannot be read"):
        read_mapping(tmp_path / "absent.yaml")


def test_the_example_finds_exactly_the_names_it_was_made_of(read):
    names = ["t1 (tra) +C", "it's"]
    mapping = read(mapping_example(names))
    assert [part["series"] for part in mapping["sequences"].values()] == [r"^t1 \(tra\) \+C$", "^it's$"]


def test_acquisition_is_told_in_the_units_of_the_table():
    sidecar = {"Manufacturer": "GE", "RepetitionTime": 2.5, "EchoTime": 0.0123, "FlipAngle": 90, "InversionTime": None}
    columns = acquisition_columns(sidecar, {"size": [256, 192, 20], "spacing_mm": [0.9375, 0.9375, 5.5]})
    assert columns == {
        "manufacturer": "GE",
        "scanner": None,
        "field_strength_t": None,
        "tr_ms": "2500",
        "te_ms": "12.3",
        "ti_ms": None,
        "flip_angle_deg": "90",
        "slice_thickness_mm": None,
        "slice_step_mm": "5.5",
        "matrix": "256 x 192",
        "pixel_mm": "0.9375 x 0.9375",
        "fov_mm": "240 x 180",
    }
