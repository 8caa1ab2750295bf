"""Unpacking pyradiomics' test images; the download itself is pip's."""

import importlib.util
import io
import subprocess
import tarfile

import pytest

from conftest import ROOT

SPEC = importlib.util.spec_from_file_location("unpack_test_images", ROOT / "envs/unpack_test_images.py")
unpack_test_images = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(unpack_test_images)

MEMBERS = {
    "pyradiomics-3.0.1/LICENSE.txt": "licence",
    "pyradiomics-3.0.1/data/brain1_image.nrrd": "image",
    "pyradiomics-3.0.1/data/lung2_image.nrrd": "too large to keep",
    "pyradiomics-3.0.1/data/baseline/baseline_glcm.csv": "table",
    "pyradiomics-3.0.1/setup.py": "code",
    "../brain1_label.nrrd": "outside",
}


def archive(folder):
    """A small source archive as pip would leave it."""
    path = folder / "pyradiomics-3.0.1.tar.gz"
    with tarfile.open(path, "w:gz") as handle:
        for name, text in MEMBERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            handle.addfile(member, io.BytesIO(text.encode()))
    return path


def test_only_the_mr_images_the_tables_and_the_licence_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack_test_images, "_download", archive)
    unpack_test_images.main(tmp_path / "cache" / "pyradiomics")
    folder = tmp_path / "cache" / "pyradiomics"
    found = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {"LICENSE.txt": "licence", "brain1_image.nrrd": "image", "baseline/baseline_glcm.csv": "table"}
    assert [path.name for path in folder.parent.iterdir()] == ["pyradiomics"]


def test_a_folder_that_is_there_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack_test_images, "_download", lambda folder: pytest.fail("downloaded again"))
    unpack_test_images.main(tmp_path)


def test_the_archive_is_the_pinned_and_hashed_one():
    lines = unpack_test_images._pinned("pyradiomics").splitlines()
    assert lines[0].startswith("pyradiomics==3.0.1 ")
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])


def test_a_failed_download_says_what_it_means_and_leaves_nothing(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(SystemExit, match="pip could not download the source archive of pyradiomics"):
        unpack_test_images.main(tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []
