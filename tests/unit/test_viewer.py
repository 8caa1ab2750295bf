"""The viewer of volumes: files it holds are NIfTI as others read it, only the pinned package is taken, it draws."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from browser import in_browser
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.images import write_image
from habitat_radiomics.viewer import nifti_base64, patient_layers, viewer_page
from imaging_phantoms import array_of, image_of, limb

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "envs/viewer/niivue.umd.js"
OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("direction", [None, OBLIQUE], ids=["straight", "oblique"])
def test_a_stored_volume_is_read_back_at_its_place_with_its_values(tmp_path, direction):
    values = np.random.default_rng(0).integers(-500, 500, (4, 5, 6)).astype(np.int16)
    image = image_of(values, spacing=(0.5, 1.5, 3.0), origin=(-10.0, 20.0, 5.0), direction=direction)
    file = tmp_path / "volume.nii.gz"
    file.write_bytes(base64.b64decode(nifti_base64(image, values, slope=0.5, intercept=10.0)))
    found = sitk.ReadImage(str(file))
    np.testing.assert_allclose(sitk.GetArrayFromImage(found), 0.5 * values + 10.0, atol=1e-4)
    np.testing.assert_allclose(found.GetOrigin(), image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(found.GetSpacing(), image.GetSpacing(), atol=1e-5)
    np.testing.assert_allclose(found.GetDirection(), image.GetDirection(), atol=1e-5)


@pytest.fixture
def results(tmp_path):
    """Results of one patient: two readings and a set of habitats of one sequence; another sequence is unusable."""
    made, folder = limb(shape=(12, 40, 40)), tmp_path / "results"
    tumour = array_of(made["tumour"])
    for name in ("preprocess/P1", "regions/P1", "habitats/zone/P1", "state"):
        (folder / name).mkdir(parents=True)
    write_image(made["image"], folder / "preprocess/P1/T1.corrected.nii.gz")
    (folder / "preprocess/P1/T2.corrected.nii.gz").write_bytes(b"")
    for reading in ("reader1-repeat2", "reader1"):
        write_image(made["tumour"], folder / f"regions/P1/T1.{reading}.nii.gz")
    habitats = image_of((tumour * 2).astype(np.uint8), spacing=made["tumour"].GetSpacing())
    write_image(habitats, folder / "habitats/zone/P1/labels.nii.gz")
    (folder / "habitats/zone/habitats.json").write_text(json.dumps({"colours": ["#0072B2", "#F0E442"]}))
    chosen = {"name": "zone", "label": "Zones", "sequence": "T1"}
    settings = {"sequences": ["T1", "T2"], "reference": None, "sets": [chosen]}
    (folder / "state/draw_review.json").write_text(json.dumps(settings))
    return folder


def test_the_layers_are_images_readings_and_habitats_the_first_reading_first(results):
    layers = patient_layers(results, "P1")
    assert [layer["name"] for layer in layers] == ["T1", "T1, reader1", "T1, reader1-repeat2", "Zones"]
    assert [layer["kind"] for layer in layers] == ["image", "labels", "labels", "labels"]
    assert {layer["group"] for layer in layers} == {"T1"}
    assert layers[3]["colours"] == ["#0072B2", "#F0E442"]


def test_what_cannot_be_viewed_is_said(results):
    with pytest.raises(StudyFault, match=r"Patient P9 has no images .*Found: P1\."):
        patient_layers(results, "P9")
    (results / "preprocess/P1/T1.corrected.nii.gz").write_bytes(b"")
    with pytest.raises(StudyFault, match="no scan can be used"):
        patient_layers(results, "P1")
    with pytest.raises(StudyFault, match="Run the study first"):
        patient_layers(results / "elsewhere", "P1")


def fetched(folder, *, integrity=None, npm=True):
    """Run the set-up of the viewer with an npm that hands out a made-up package."""
    (folder / "niivue.umd.js").write_text("made up")
    archive = folder / "made-up.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder / "niivue.umd.js", "package/dist/niivue.umd.js")
    stated = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    pin = {"package": "made-up", "version": "1.0.0", "member": "package/dist/niivue.umd.js"}
    (folder / "pin.json").write_text(json.dumps({**pin, "integrity": integrity or stated}))
    commands = folder / "commands"
    commands.mkdir()
    if npm:
        (commands / "npm").write_text(f'#!/bin/sh\ntest "$2" = made-up@1.0.0 && /bin/cp "{archive}" "$5"\n')
        (commands / "npm").chmod(0o755)
    command = [sys.executable, str(ROOT / "envs/fetch_viewer.py"), "pin.json", "kept/viewer.js"]
    environment = {**os.environ, "PATH": str(commands)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_package_is_kept_when_it_is_the_one_that_was_pinned(tmp_path):
    done = fetched(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept/viewer.js").read_text() == "made up"


def test_another_package_is_refused_and_nothing_is_kept(tmp_path):
    done = fetched(tmp_path, integrity="sha512-AAAA")
    assert done.returncode and "is not what viewer.json pins" in done.stderr
    assert not (tmp_path / "kept").exists()


def test_without_npm_the_cure_is_said(tmp_path):
    done = fetched(tmp_path, npm=False)
    assert done.returncode and "install Node.js" in done.stderr


@pytest.mark.parametrize("size", [(1280, 900), (500, 900)], ids=["desktop", "phone"])
def test_the_page_draws_the_volumes_and_asks_nothing_of_a_network(results, tmp_path, size):
    if not LIBRARY.is_file():
        pytest.skip("NiiVue is not set up: make envs/viewer/niivue.umd.js")
    page = viewer_page(
        "P1",
        patient_layers(results, "P1"),
        library=LIBRARY.read_text(),
        templates=ROOT / "workflow/report",
        study="made_up",
    )
    script = """
    await ready;
    const first = at("state").textContent, loaded = nv.volumes.length, before = nv.scene.crosshairPos[2];
    nv.moveCrosshairInVox(0, 0, 2);
    const scrolled = nv.scene.crosshairPos[2] > before;
    at("layer1").click(); await ready;
    const root = document.scrollingElement;
    const asked = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !/^(data|blob):/.test(n));
    return {first: first, loaded: loaded, scrolled: scrolled, then: at("state").textContent, asked: asked,
      wide: root.scrollWidth - root.clientWidth};
    """
    answer, console = in_browser(page, script, tmp_path, size=size)
    assert answer == {
        "first": "T1 + T1, reader1 + Zones", "loaded": 3, "scrolled": True,
        "then": "T1 + T1, reader1 + T1, reader1-repeat2 + Zones", "asked": [], "wide": 0,
    }  # fmt: skip
    assert [line for line in console if "WebGL" not in line] == []  # of drawing without a graphics card
