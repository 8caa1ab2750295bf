"""A bundle is one file of stated bytes; whatever was changed, left out or added is refused, with the reason."""

import io
import json
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from habitat_radiomics.application_files import prepare_application
from habitat_radiomics.bundle import MANIFEST, bundle_bytes, manifest_digest, read_bundle, with_bundle
from habitat_radiomics.bundle_config import KEPT, applied_config, kept_config, learnt_members
from habitat_radiomics.config import complete_config
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.persist import save_object
from small_study import CONFIG, ROOT

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def small_config():
    complete, faults = complete_config(CONFIG, SCHEMA)
    assert not faults
    return complete


@pytest.fixture(scope="module")
def skops(tmp_path_factory):
    path = tmp_path_factory.mktemp("skops") / "object.skops"
    save_object(path, LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1]))
    return path.read_bytes()


@pytest.fixture
def members(skops):
    config = kept_config(small_config())
    learnt = {name: skops if name.endswith(".skops") else b"{}" for name in learnt_members(config)}
    texts = {"README.txt": b"read me", "needs.json": b"{}", "model/training.json": b"{}"}
    return {**learnt, **texts, "config.json": json.dumps(config).encode()}


ABOUT = {"study": "small", "code": {"a.py": "1"}, "versions": {"numpy": "2"}}


def written(folder, content):
    path = folder / "bundle.zip"
    path.write_bytes(content)
    return path


def repacked(content, *, change=None, leave_out=(), add=None):
    """The archive with members replaced, left out or added, the manifest untouched."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            if name not in leave_out:
                out.writestr(name, (change or {}).get(name, source.read(name)))
        for name, text in (add or {}).items():
            out.writestr(name, text)
    return target.getvalue()


def with_manifest(content, **changes):
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(content)).read(MANIFEST))
    manifest.update(changes)
    if "digest" not in changes:
        manifest["digest"] = manifest_digest(manifest)
    return repacked(content, change={MANIFEST: json.dumps(manifest)})


def test_equal_content_gives_equal_bytes_and_is_read_back(members, tmp_path):
    content = bundle_bytes(members, ABOUT)
    assert content == bundle_bytes(dict(reversed(members.items())), ABOUT)
    bundle = read_bundle(written(tmp_path, content))
    assert bundle.members == members
    assert bundle.manifest["study"] == "small" and bundle.manifest["versions"] == {"numpy": "2"}
    assert list(bundle.config["sequences"]) == ["T1", "T2"]


def test_every_member_that_was_changed_is_refused_by_name(members, tmp_path):
    content = bundle_bytes(members, ABOUT)
    for name in members:
        path = written(tmp_path, repacked(content, change={name: members[name] + b" "}))
        with pytest.raises(
            StudyFault, match=f"bundle.zip: {name} was changed after the bundle was written. Get it again"
        ):
            read_bundle(path, objects=False)


def test_a_changed_manifest_is_refused(members, tmp_path):
    path = written(tmp_path, with_manifest(bundle_bytes(members, ABOUT), study="other", digest="0"))
    with pytest.raises(StudyFault, match="manifest.json was changed after the bundle was written"):
        read_bundle(path, objects=False)


def test_a_bundle_that_lacks_a_member_or_has_one_more_is_refused(members, tmp_path):
    content = bundle_bytes(members, ABOUT)
    lost = "train/combined/model.skops"
    with pytest.raises(StudyFault, match=f"bundle.zip is incomplete: it lacks {lost}"):
        read_bundle(written(tmp_path, repacked(content, leave_out=[lost])), objects=False)
    with pytest.raises(StudyFault, match="has the member extra.txt, which its manifest.json does not list"):
        read_bundle(written(tmp_path, repacked(content, add={"extra.txt": "x"})), objects=False)
    del members[lost]
    with pytest.raises(StudyFault, match=f"bundle.zip is incomplete: it lacks {lost}"):
        read_bundle(written(tmp_path, bundle_bytes(members, ABOUT)), objects=False)


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", "a\\evil", ".hidden", "C:evil"])
def test_a_member_that_would_leave_the_folder_is_refused(name, members, tmp_path):
    path = written(tmp_path, repacked(bundle_bytes(members, ABOUT), add={name: "x"}))
    with pytest.raises(StudyFault, match="a name that no bundle has"):
        read_bundle(path, objects=False)
    with pytest.raises(StudyFault, match="a name that no bundle has"):
        read_bundle(written(tmp_path, bundle_bytes({**members, name: b"x"}, ABOUT)), objects=False)


def test_two_members_of_one_name_are_refused(members, tmp_path):
    content = bundle_bytes(members, ABOUT)
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = repacked(content, add={"config.json": "{}"})
    with pytest.raises(StudyFault, match="two members of one name"):
        read_bundle(written(tmp_path, content), objects=False)


def test_what_is_no_bundle_is_refused(members, tmp_path):
    with pytest.raises(StudyFault, match="does not exist. Name the file that a study wrote as model/bundle.zip"):
        read_bundle(tmp_path / "absent.zip")
    with pytest.raises(StudyFault, match="bundle.zip is damaged, or no bundle"):
        read_bundle(written(tmp_path, b"PK no zip"))
    with pytest.raises(StudyFault, match="not a bundle of this workflow: it has no manifest.json"):
        read_bundle(written(tmp_path, repacked(bundle_bytes(members, ABOUT), leave_out=[MANIFEST])))
    with pytest.raises(StudyFault, match="its manifest.json does not say so"):
        read_bundle(written(tmp_path, with_manifest(bundle_bytes(members, ABOUT), format="something else")))
    with pytest.raises(StudyFault, match="manifest.json cannot be read"):
        read_bundle(written(tmp_path, repacked(bundle_bytes(members, ABOUT), change={MANIFEST: "{"})))


def test_a_byte_changed_anywhere_in_the_file_is_refused(members, tmp_path):
    content = bundle_bytes(members, ABOUT)
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        damaged = bytearray(content)
        damaged[place] ^= 0x41
        path = written(tmp_path, bytes(damaged))
        with suppress(StudyFault):
            assert read_bundle(path, objects=False).members == members  # a date or a flag of the archive
    half = written(tmp_path, content[: len(content) // 2])
    with pytest.raises(StudyFault, match="Get it again from those who made it; nothing of it was used"):
        read_bundle(half)


def test_a_newer_version_of_the_format_is_refused(members, tmp_path):
    path = written(tmp_path, with_manifest(bundle_bytes(members, ABOUT), version=2))
    with pytest.raises(StudyFault, match="has version 2 of the format, and this workflow reads version 1. Use the"):
        read_bundle(path)


def test_a_bundle_that_would_fill_the_disk_is_refused(members, tmp_path, monkeypatch):
    monkeypatch.setattr("habitat_radiomics.bundle.LARGEST_BYTES", 100)
    with pytest.raises(StudyFault, match="would unpack to more than"):
        read_bundle(written(tmp_path, bundle_bytes(members, ABOUT)), objects=False)


def test_objects_of_foreign_types_are_refused_before_anything_is_loaded(members, tmp_path, skops):
    schema = json.loads(zipfile.ZipFile(io.BytesIO(skops)).read("schema.json"))
    schema.update({"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"})
    schema["content"] = {"module_path": "os", "function": "system"}
    members["select/tumour/signature.skops"] = repacked(skops, change={"schema.json": json.dumps(schema)})
    path = written(tmp_path, bundle_bytes(members, ABOUT))
    with pytest.raises(
        StudyFault, match=r"select/tumour/signature.skops holds types this workflow never writes: \S*system"
    ):
        read_bundle(path)
    members["select/tumour/signature.skops"] = b"\x80\x04no archive"
    with pytest.raises(StudyFault, match="select/tumour/signature.skops is no skops archive"):
        read_bundle(written(tmp_path, bundle_bytes(members, ABOUT)))


def test_what_concerns_the_patients_of_the_study_stays_at_home():
    config = small_config()
    config["report"]["patients"] = ["P001"]
    config["data"]["folder"] = "/somewhere/private"
    kept = kept_config(config)
    assert "P001" not in json.dumps(kept) and "private" not in json.dumps(kept)
    assert not {"study", "demo", "report", "permutations"} & set(kept)
    assert set(KEPT) <= set(kept)


def test_the_configuration_of_a_bundle_is_complete_and_takes_the_new_data(members, tmp_path):
    path = written(tmp_path, bundle_bytes(members, ABOUT))
    own = {"study": "there", "bundle": str(path), "data": {"folder": "new"}}
    complete, faults = complete_config(with_bundle(own, objects=True), SCHEMA)
    assert not faults
    assert complete["study"] == "there"
    assert complete["data"]["folder"] == "new" and complete["data"]["incomplete_patients"] == "exclude"
    home = small_config()
    assert {name: complete[name] for name in KEPT} == {name: home[name] for name in KEPT}
    assert with_bundle({"study": "any"}, objects=True) == {"study": "any"}


def test_what_the_bundle_decides_cannot_be_set():
    with pytest.raises(
        StudyFault, match="config: 'preprocess' cannot be set beside bundle, because the bundle brings it"
    ):
        applied_config({"study": "there", "bundle": "b.zip", "preprocess": {}}, {})
    with pytest.raises(StudyFault, match="Did you mean 'report'"):
        applied_config({"study": "there", "bundle": "b.zip", "reports": {}}, {})


def test_applying_writes_its_configuration_once_the_bundle_is_whole(members, tmp_path):
    bundle = written(tmp_path, bundle_bytes(members, ABOUT))
    for name in ("patients.tsv", "images.tsv"):
        (tmp_path / name).write_text("patient\n")
    tables = {"patients": str(tmp_path / "patients.tsv"), "images": str(tmp_path / "images.tsv")}
    results = tmp_path / "results"
    path = prepare_application(str(bundle), **tables, name="results/there/", results=results)
    config = yaml.safe_load((results / "there/apply.yaml").read_text())
    assert path == str(results / "there/apply.yaml")
    assert config["study"] == "there" and config["bundle"] == str(bundle)
    assert (config["data"]["folder"], config["data"]["images"]) == (str(tmp_path), "images.tsv")
    prepare_application(str(bundle), **tables, name="there", results=results)
    (results / "taken").mkdir()
    with pytest.raises(StudyFault, match="taken belongs to another study. Choose another OUT"):
        prepare_application(str(bundle), **tables, name="taken", results=results)
    with pytest.raises(StudyFault, match="IMAGES is nowhere.tsv, which does not exist"):
        prepare_application(str(bundle), **{**tables, "images": "nowhere.tsv"}, name="there", results=results)
    with pytest.raises(StudyFault, match="OUT is '../up'"):
        prepare_application(str(bundle), **tables, name="../up", results=results)
    with pytest.raises(StudyFault, match="bundle gone.zip does not exist"):
        prepare_application("gone.zip", **tables, name="other", results=results)
    given = {**kept_config(small_config()), "data": {"source": "features"}}
    bundle = written(tmp_path, bundle_bytes({**members, "config.json": json.dumps(given).encode()}, ABOUT))
    with pytest.raises(StudyFault, match="predicts by features from tables, not from images. Write a configuration"):
        prepare_application(str(bundle), **tables, name="other", results=results)
    assert not (results / "other").exists()
