from pathlib import Path

from habitat_radiomics.code_files import code_files, code_hashes

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def names(script):
    return [Path(path).name for path in code_files(SCRIPTS / script)]


def test_the_script_comes_first_and_its_modules_follow():
    assert names("apply_signature.py")[0] == "apply_signature.py"
    assert {"entry.py", "persist.py", "signature.py", "tables.py"} <= set(names("apply_signature.py"))


def test_modules_reached_through_others_and_inside_functions_are_found(tmp_path):
    package = tmp_path / "habitat_radiomics"
    package.mkdir()
    (tmp_path / "run.py").write_text("from habitat_radiomics import a\n")
    (package / "a.py").write_text("def f():\n    from habitat_radiomics.b import g\n")
    (package / "b.py").write_text("import numpy\n")
    (package / "c.py").write_text("")
    assert [Path(path).name for path in code_files(tmp_path / "run.py")] == ["run.py", "a.py", "b.py"]


def test_hashes_follow_the_content_of_every_file_reached(tmp_path):
    (tmp_path / "habitat_radiomics").mkdir()
    (tmp_path / "run.py").write_text("import habitat_radiomics.a\n")
    (tmp_path / "habitat_radiomics/a.py").write_text("abc")
    hashes = code_hashes(tmp_path / "run.py")
    assert list(hashes) == ["run.py", "habitat_radiomics/a.py"]
    assert hashes["habitat_radiomics/a.py"].startswith("ba7816bf8f01cfea")


def test_image_scripts_do_not_reach_statistics_code():
    for script in ("preprocess_image.py", "normalise_image.py", "make_regions.py", "extract_features.py"):
        assert not {"tables.py", "selection.py", "signature.py", "model.py", "figures.py"} & set(names(script)), script
