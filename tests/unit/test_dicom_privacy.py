import pytest

from dicom_examples import Series
from habitat_radiomics.dicom_privacy import (
    completed_key,
    identifying_elements,
    identifying_values,
    leaked_values,
    read_key,
    tag_rows,
)
from habitat_radiomics.faults import StudyFault


def names(header):
    return {keyword for _, keyword, _ in identifying_elements(header)}


def test_elements_inside_sequences_and_private_ones_count(tmp_path):
    header = Series().slice(tmp_path / "a", 0)
    block = header.private_block(0x0029, "SIEMENS CSA", create=True)
    block.add_new(0x10, "LO", "Zimmermann")
    request = type(header)("", {})
    request.RequestedProcedureID = "R1234"
    header.RequestAttributesSequence = [request]
    assert {"RequestedProcedureID", "private elements", "PatientName", "StudyDate"} <= names(header)
    assert not {"Rows", "EchoTime", "SOPClassUID", "Manufacturer"} & names(header)


def test_empty_elements_do_not_count(tmp_path):
    assert "AccessionNumber" not in names(Series().slice(tmp_path / "a", 0, AccessionNumber=""))


def test_values_to_look_for_are_whole_and_in_parts_but_not_short(tmp_path):
    values = identifying_values(Series("12").slice(tmp_path / "a", 0))
    assert {"Zimmermann^Adelheid", "Zimmermann", "Adelheid", "19610203", "ACC778899"} <= values
    assert not {"12", "F", "Otto2"} & values


def test_new_patients_get_free_names_that_tell_nothing_about_the_patient_id():
    key = {"9": {"PatientID": "9", "patient": "P002", "institution": "North", "site": "A"}}
    whole = completed_key(key, {"9": "North", "1": "North", "2": "South", "3": ""})
    assert whole["9"] == key["9"]
    assert {whole[patient]["patient"] for patient in "123"} == {"P001", "P003", "P004"}
    assert [whole[patient]["site"] for patient in "123"] == ["A", "site1", ""]
    many = [
        row["patient"] for _, row in sorted(completed_key({}, dict.fromkeys(map(str, range(100, 120)), "")).items())
    ]
    assert many != sorted(many)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id\tname\n1\tA\n", "columns PatientID and patient are needed; found id, name"),
        ("PatientID\tpatient\n1\tA\n1\tB\n", "row 3: PatientID 1 stands twice"),
        ("PatientID\tpatient\n1\tA\n2\ta\n", "row 3: the name a is that of another PatientID"),
        ("PatientID\tpatient\n1\tA B\n", "row 2: 'A B' cannot name files"),
        ("PatientID\tpatient\n1\t\n", "row 2: PatientID and patient are both needed"),
    ],
)
def test_a_key_that_mixes_up_patients_is_refused(tmp_path, text, said):
    (tmp_path / "key.tsv").write_text(text)
    with pytest.raises(StudyFault) as raised:
        read_key(tmp_path / "key.tsv")
    assert said in str(raised.value)


def test_values_are_found_in_names_cells_and_parts_of_cells(tmp_path):
    (tmp_path / "a.tsv").write_text("patient\timage\nP1\timages/STS_025/T1.nii.gz\n")
    (tmp_path / "b.tsv").write_text("patient\tnote\nP1\tseen by Brandt, again\n")
    (tmp_path / "Brandt.tsv").write_text("patient\nP1\n")
    files = ["a.tsv", "b.tsv", "Brandt.tsv"]
    assert leaked_values(tmp_path, files, {"STS_025"}) == ["a.tsv"]
    assert leaked_values(tmp_path, files, {"Brandt"}) == ["b.tsv", "Brandt.tsv"]
    assert leaked_values(tmp_path, files, {"Bran", "STS"}) == []


def test_the_report_says_what_became_of_each_element():
    tags = {("(0010,0020)", "PatientID", "identifier"): {"files": 3, "patients": {"a", "b"}}}
    assert tag_rows(tags, kept_ids=False)[0] == {
        "tag": "(0010,0020)",
        "name": "PatientID",
        "why": "identifier",
        "files": 3,
        "patients": 2,
        "written": "no",
    }
