"""Review pages: outliers by hand, pictures of made-up volumes, pages in a real browser at desktop and phone width."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from PIL import Image

from browser import in_browser
from habitat_radiomics.images import write_image
from habitat_radiomics.review_files import read_parts
from habitat_radiomics.review_flags import flags_of
from habitat_radiomics.review_outliers import far_table, outlier_table, robust_z
from habitat_radiomics.review_page import index_page, patient_page, patient_summary
from habitat_radiomics.review_scan import ScanFiles, draw_scan
from habitat_radiomics.review_settings import set_labels
from habitat_radiomics.review_slices import (
    checkerboard,
    contour_path,
    cut,
    dice,
    label_uri,
    map_uri,
    planes_of,
    tiles_of,
    tumour_box,
)
from imaging_phantoms import array_of, image_of, limb

PARTS = read_parts(Path("workflow/report").glob("[pr]*[a-z].[chj]*"))
WORDS = {"study": "made_up", "patients_table": "patients.tsv"}
COHORTS = {"P1": "train", "P2": "train", "P3": "train", "P4": "train", "P5": "external"}


# Outliers ---------------------------------------------------------------------------------------------------------


def test_robust_z_is_the_distance_from_the_training_median_in_scaled_median_absolute_deviations():
    values = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 100.0], "never": np.nan}, COHORTS)
    z, median, mad = robust_z(values, ["P1", "P2", "P3", "P4"])
    assert (median["a"], mad["a"]) == (2.5, 1.0)  # deviations 1.5, 0.5, 0.5, 1.5
    assert z.loc["P5", "a"] == pytest.approx(97.5 / 1.4826)
    assert z.loc["P1", "a"] == pytest.approx(-1.5 / 1.4826)
    assert z["never"].isna().all()


def test_patients_outside_training_move_neither_median_nor_deviation():
    values = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 5.0]}, COHORTS)
    changed = values.copy()
    changed.loc["P5"] = 1e6
    first, second = (robust_z(table, ["P1", "P2", "P3", "P4"])[0] for table in (values, changed))
    pd.testing.assert_frame_equal(first.drop("P5"), second.drop("P5"))


def tables_of(far=1.0):
    """Feature and quality tables of five patients and one sequence; P4 cannot be used, P5 is far off."""
    kept = ["P1", "P2", "P3", "P5"]
    features = pd.DataFrame(
        {
            "T1|tumour|original_firstorder_Mean": [1.0, 2.0, 3.0, 2.0 + 100 * far],
            "T1|tumour|original_firstorder_Variance": [1.0, 4.0, 9.0, 4.0],
            "T1|tumour|original_glcm_Contrast": [5.0, 5.0, 5.0, 6.0],
            "T1|zone1|original_firstorder_Mean": [1.0, 2.0, np.nan, 2.0],
        },
        pd.Index(kept, name="patient"),
    )
    quality = pd.DataFrame(
        {
            "patient": list(COHORTS),
            "sequence": "T1",
            "usable": [True, True, True, False, True],
            "message": ["", "", "", "the tumour is empty", ""],
            "snr": [10.0, 11.0, 12.0, np.nan, 11.0],
            "volume_mm3": [1000.0, 2000.0, 3000.0, np.nan, 2000.0],
            "field_ratio": 1.2,
            "voxels": 1000,
            "components": [1, 1, 1, np.nan, 2],
            "bins": 20,
            "warnings": ["", "reading reader2 touches the border", "", "", ""],
        }
    )
    return features, quality


def test_known_measures_have_value_and_z_or_the_reason_why_there_is_none():
    features, quality = tables_of()
    found = outlier_table(features, quality, COHORTS, ["T1"]).set_index(["patient", "measure"])
    assert found.loc[("P5", "mean"), "z"] == pytest.approx(100 / 1.4826)
    assert found.loc[("P3", "sd"), "value"] == 3.0  # root of the variance
    assert found.loc[("P3", "sd"), "median"] == 2.0
    assert found.loc[("P4", "volume_mm3"), "reason"] == "the scan cannot be used"
    assert found.loc[("P1", "entropy"), "reason"] == "not extracted from this region"
    assert found.loc[("P1", "mean"), "reason"] == ""
    assert set(found["cohort"]) == {"train", "external"}


def test_features_far_off_are_counted_by_region_and_those_without_spread_are_not():
    features, _ = tables_of()
    found = far_table(features, COHORTS).set_index(["patient", "region"])
    assert found.loc[("P5", "tumour"), ["features", "far"]].tolist() == [2, 1]  # the contrast has no spread
    assert found.loc[("P5", "tumour"), "farthest"] == "original_firstorder_Mean"
    assert found.loc[("P3", "zone1"), ["features", "farthest"]].tolist() == [0, ""]


def rows_of(table, patient):
    """Rows of a patient as `csv.DictReader` gives them."""
    text = io.StringIO(table.to_csv(index=False))
    return pd.read_csv(text, dtype=str, keep_default_na=False).query("patient == @patient").to_dict("records")


def cells_of(patient, far=1.0):
    features, quality = tables_of(far)
    tables = {
        "quality": quality,
        "outliers": outlier_table(features, quality, COHORTS, ["T1"]),
        "far": far_table(features, COHORTS),
    }
    return {name: rows_of(table, patient) for name, table in tables.items()}


@pytest.mark.parametrize(
    ("patient", "dices", "codes"),
    [
        ("P1", {}, []),
        ("P1", {"T1": {"reader2": 0.6}}, ["readers"]),
        ("P2", {"T1": {"reader2": 0.9}}, ["warning"]),
        ("P4", {}, ["unusable"]),
        ("P5", {}, ["pieces", "outlier", "features"]),
    ],
)
def test_flags_name_what_to_look_at(patient, dices, codes):
    rows = cells_of(patient)
    found = flags_of(rows["quality"], rows["outliers"], rows["far"], dices)
    assert [code for code, _ in found] == codes
    assert all(words for _, words in found)


# Pictures ---------------------------------------------------------------------------------------------------------


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA"))


def path_edges(path):
    """Unit edges that a path draws."""
    edges = set()
    for x, y, way, length in re.findall(r"M(\d+) (\d+)([hv])(\d+)", path):
        for step in range(int(length)):
            edges.add((int(x) + step * (way == "h"), int(y) + step * (way == "v"), way))
    return edges


def test_a_contour_has_the_edges_of_the_mask_and_nothing_else_slice_below_slice():
    tiles = np.zeros((2, 3, 4), bool)
    tiles[0, 1, 1:3] = True
    tiles[1, 2, 3] = True
    first = {(1, 1, "h"), (2, 1, "h"), (1, 2, "h"), (2, 2, "h"), (1, 1, "v"), (3, 1, "v")}
    second = {(3, 5, "h"), (3, 6, "h"), (3, 5, "v"), (4, 5, "v")}
    assert path_edges(contour_path(tiles)) == first | second
    assert "M1 1h2" in contour_path(tiles)  # runs are one stroke


def test_pictures_show_head_and_front_up_whatever_the_order_of_the_axes():
    values = np.zeros((6, 8, 10), np.uint8)
    values[4, 1, 2] = 1  # superior, anterior, right in LPS
    image = image_of(values, spacing=(1.0, 1.0, 2.0))
    turned = sitk.DICOMOrient(image, "SAL")
    for given in (image, turned):
        whole = cut(given, ([0, 0, 0], list(given.GetSize())))
        axial, coronal, sagittal = planes_of(whole)
        assert np.argwhere(tiles_of(whole, axial)).tolist() == [[0, 1, 2]]
        assert np.argwhere(tiles_of(whole, coronal)).tolist() == [
            [0, 1, 2]
        ]  # five of six from the feet is near the top
        assert np.argwhere(tiles_of(whole, sagittal)).tolist() == [[0, 1, 1]]
        assert axial.ends == "RLAP" and sagittal.ends == "APSI"
        assert axial.extent_mm == (10.0, 8.0) and coronal.extent_mm == (10.0, 12.0)


def test_axial_slices_go_from_end_to_end_of_the_tumour_and_contain_its_largest():
    values = np.zeros((40, 12, 12), np.uint8)
    values[5:35, 5:7, 5:7] = 1
    values[21, 3:9, 3:9] = 1
    axial = planes_of(image_of(values))[0]
    assert (axial.indices[0], axial.indices[-1], len(axial.indices)) == (5, 34, 9)
    assert axial.indices[axial.first] == 21


def test_the_part_shown_is_the_tumours_of_all_readings_with_a_margin_inside_the_image():
    one, two = np.zeros((30, 50, 60), np.uint8), np.zeros((30, 50, 60), np.uint8)
    one[10:12, 20:22, 30:32] = 1
    two[10:12, 20:22, 40:42] = 1
    two[0, 0, 0] = 2  # a shell is not a tumour
    start, size = tumour_box([image_of(one, spacing=(1.0, 1.0, 3.0)), image_of(two, spacing=(1.0, 1.0, 3.0))])
    assert (start, size) == ([15, 5, 5], [42, 32, 12])


def test_labels_and_maps_are_transparent_outside_and_have_the_stated_colours_inside():
    labels = np.array([[[0, 1], [2, 0]]])
    shown = decoded(label_uri(labels, ["#0072B2", "#F0E442"], 0.5))
    assert shown[0, 0, 3] == shown[1, 1, 3] == 0
    assert shown[0, 1].tolist() == [0x00, 0x72, 0xB2, 128] and shown[1, 0].tolist() == [0xF0, 0xE4, 0x42, 128]
    shown = decoded(map_uri(np.array([[[0.0, 0.2], [0.5, 0.8]]]), (0.2, 0.8)))
    assert shown[0, 0, 3] == 0
    assert shown[0, 1].tolist() == [0, 34, 78, 255] and shown[1, 1].tolist() == [254, 232, 56, 255]


def test_a_checkerboard_shows_both_pictures_in_turn():
    values = np.zeros((4, 24, 24), np.uint8)
    values[1:3, 8:16, 8:16] = 1
    plane = planes_of(image_of(values))[0]
    rows, columns = plane.pixels[1], plane.pixels[0]
    black, white = np.zeros((1, rows, columns)), np.ones((1, rows, columns))
    board = checkerboard(black, white, plane)[0]
    assert board[0, 0] == 0 and board[0, -1] == 1 and board[-1, -1] == 0  # two fields of 12 mm a side
    assert board.mean() == 0.5


def test_dice_is_twice_the_common_part_over_the_sum():
    one, two = np.zeros((1, 1, 6), np.uint8), np.zeros((1, 1, 6), np.uint8)
    one[..., :4], two[..., 2:] = 1, 1
    assert dice(image_of(one), image_of(two)) == pytest.approx(2 * 2 / 8)
    assert np.isnan(dice(image_of(one * 0), image_of(one * 0)))


def test_sets_of_the_same_label_are_told_apart_by_name():
    chosen = {"label": "", "sequences": ["T1"]}
    config = {
        "habitats": {"zone": chosen, "other": {"label": "Of PET", "sequences": ["PET"]}},
        "nested": {"core": chosen},
    }
    labels = {"zone": "Habitats of T1 (zone)", "other": "Of PET", "core": "Habitats of T1 (core)"}
    assert set_labels(config) == labels


# Pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of one made-up scan: two readings, habitats, a probability on one slice, a reference."""
    folder = tmp_path_factory.mktemp("scan")
    made = limb(shape=(16, 64, 64), spacing=(1.0, 1.0, 2.0), field=0.3)
    tumour = array_of(made["tumour"])
    regions = {"reader1": tumour.copy(), "reader2": np.roll(tumour, 7, axis=2)}
    regions["reader1"][(np.roll(tumour, 2, axis=1) > 0) & (tumour == 0)] = 2
    habitats = tumour * (1 + (np.indices(tumour.shape)[2] > 38))
    probability = np.where(tumour > 0, np.linspace(0.2, 0.8, tumour.shape[2]), 0).astype(np.float32)
    k = int(tumour.sum(axis=(1, 2)).argmax())
    geometry = {"spacing": (1.0, 1.0, 2.0)}
    images = {name: image_of(values.astype(np.uint8), **geometry) for name, values in regions.items()}
    images |= {
        "raw": made["image"],
        "corrected": made["image"],
        "labels": image_of(habitats.astype(np.uint8), **geometry),
    }
    images["probability"] = image_of(probability, **geometry)[:, :, k : k + 1]
    for name, image in images.items():
        write_image(image, folder / f"{name}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def scans(files):
    def scan(sequence, **changes):
        values = {
            "raw": files / "raw.nii.gz",
            "corrected": files / "corrected.nii.gz",
            "faults": [],
            "readings": {name: files / f"{name}.nii.gz" for name in ("reader1", "reader2")},
        }
        return draw_scan(sequence, ScanFiles(**{**values, **changes}))

    maps = {
        "Zones": {
            "labels": files / "labels.nii.gz",
            "names": ["low", "high"],
            "colours": ["#0072B2", "#F0E442"],
            "probability": files / "probability.nii.gz",
        }
    }
    reference = {"registered": True, "reference": files / "corrected.nii.gz", "reference_name": "T1"}
    return [scan("T1"), scan("T2", maps=maps, **reference), scan("T3", faults=["the tumour is empty"])]


@pytest.fixture(scope="module")
def page(scans):
    tables = cells_of("P5")
    for sequence in ("T2", "T3"):
        tables["quality"].append({**tables["quality"][0], "sequence": sequence})
    moved = {"method": "rigid", "translation_mm": 2.5, "rotation_degrees": 1.5}
    measures = {
        "registration": {**moved, "metric_before": -0.3, "metric_after": -0.6},
        "image": {"spacing_mm": [1, 1, 2]},
    }
    tables["records"] = {"T1": {"measures": {}}, "T2": {"measures": measures}, "T3": {"measures": {}}}
    return patient_page("P5", scans, tables, PARTS, **WORDS)


def test_a_scan_shows_raw_corrected_checkerboard_habitats_and_probability_with_all_readings(scans):
    first, second, third = scans
    assert [plane["name"] for plane in first["planes"]] == ["Axial", "Coronal", "Sagittal"]
    titles = [panel["title"] for panel in second["planes"][0]["panels"]]
    assert titles[:4] == ["As acquired", "Corrected, registered to T1", "Checkerboard with T1", "Zones"]
    assert titles[4].startswith("Zones: probability, 0.") and titles[4].endswith(", on the largest slice only")
    assert [len(plane["panels"]) for plane in second["planes"]] == [
        5,
        4,
        4,
    ]  # one slice of a map is a line across others
    assert set(first["planes"][0]["contours"]) == {"reader1", "reader2", "shell"}
    assert 0 < first["dice"]["reader2"] < 1
    assert third["reason"] == "the tumour is empty" and third["planes"] == []


def test_a_page_is_small_says_no_outcome_and_names_the_column_that_leaves_the_patient_out(page):
    assert len(page.encode()) < 400_000
    text = re.sub(r"data:image[^\"]*", "", page)
    assert "patient\texclude\nP5\t" in text and "patients.tsv" in text
    assert "moved 2.5 mm, 1.5 degrees; mutual information 0.300 to 0.600" in text
    assert "No pictures: the tumour is empty" in text
    assert "://" not in text


LOOK = """
const asked = performance.getEntriesByType("resource").map((e) => e.name).filter((n) => !n.startsWith("data:"));
const root = document.scrollingElement;
const base = {asked: asked, wide: root.scrollWidth - root.clientWidth, images: document.images.length,
  broken: Array.from(document.images).filter((i) => !i.complete || !i.naturalWidth).length,
  silent: Array.from(document.images).filter((i) => !i.alt && !i.dataset.same).length};
"""
SIZES = pytest.mark.parametrize("size", [(1280, 900), (500, 900)], ids=["desktop", "phone"])


@SIZES
def test_the_page_of_a_patient_scrolls_through_slices_and_hides_readings(page, tmp_path, size):
    script = (
        LOOK
        + """
    await Promise.all(Array.from(document.images).map((i) => i.decode()));
    const slider = document.querySelector("input[type=range]"), plane = slider.closest(".plane");
    const words = plane.querySelector(".where"), view = plane.querySelector(".view");
    const image = plane.querySelector("img"), before = image.getBoundingClientRect().top, where = words.textContent;
    slider.value = Number(slider.value) + 1;
    slider.dispatchEvent(new Event("input"));
    const moved = before - image.getBoundingClientRect().top, height = view.getBoundingClientRect().height;
    const linked = Array.from(document.querySelectorAll("input[type=range]")).map((s) => s.value);
    const use = plane.querySelector("use"), full = use.getBBox().width;
    document.querySelectorAll("[data-layer]").forEach((box) => { if (box.checked) box.click(); });
    const overlay = getComputedStyle(document.querySelector(".overlay")).display;
    const reason = document.getElementById("reason");
    reason.value = "motion"; reason.dispatchEvent(new Event("input"));
    return {...base, step: Math.abs(moved / height - 1) < 0.02, changed: where !== words.textContent,
      linked: linked.every((v) => v === linked[0]), full: full > 0, none: use.getBBox().width, overlay: overlay,
      row: document.getElementById("row").textContent};
    """
    )
    answer, console = in_browser(page, script, tmp_path, size=size)
    assert console == []
    assert answer.pop("images") > 12
    assert answer == {
        "asked": [], "wide": 0, "broken": 0, "silent": 0, "step": True, "changed": True, "linked": True,
        "full": True, "none": 0, "overlay": "none", "row": "patient\texclude\nP5\tmotion",
    }  # fmt: skip


@pytest.fixture(scope="module")
def index(scans):
    everyone = [cells_of(patient) for patient in COHORTS]
    tables = {name: [row for rows in everyone for row in rows[name]] for name in ("quality", "outliers", "far")}
    summaries = [json.loads(json.dumps(patient_summary(patient, scans))) for patient in COHORTS]
    return index_page(summaries, tables, {"P0": "withdrew consent"}, PARTS, **WORDS)


@SIZES
def test_the_index_filters_by_flag_sorts_and_collects_the_rows_to_leave_out(index, tmp_path, size):
    script = (
        LOOK
        + """
    const list = document.querySelector(".cases");
    const shown = () => Array.from(list.children).filter((i) => !i.hidden).map((i) => i.dataset.patient);
    const choose = (name, value) => {
      const control = document.getElementById(name);
      control.value = value;
      control.dispatchEvent(new Event("input"));
    };
    const tick = (name) => list.querySelector(`[data-patient=${name}] .leave-out`).click();
    const all = shown();
    const press = (flag) => document.querySelector(`.chip[data-flag="${flag}"]`).click();
    press("unusable"); const unusable = shown(), count = document.getElementById("count").textContent;
    press("readers"); const either = shown(); press("unusable"); press("readers");
    press(""); const clean = shown(); press("");
    choose("cohort", "external validation"); const external = shown(); choose("cohort", "");
    choose("order", "largest");
    const largest = shown()[0], link = document.querySelector("[data-patient=P5] a").getAttribute("href");
    tick("P5"); tick("P1");
    return {...base, all: all, unusable: unusable, count: count, either: either.length, clean: clean,
      external: external, largest: largest, link: link, rows: document.getElementById("rows").value};
    """
    )
    answer, console = in_browser(index, script, tmp_path, size=size)
    assert console == []
    reason = "not usable on review of the images"
    assert answer == {
        "asked": [], "wide": 0, "broken": 0, "silent": 0, "images": 5, "all": ["P0", "P1", "P2", "P3", "P4", "P5"],
        "unusable": ["P4"], "count": "1 of 6 patients", "either": 5, "clean": [], "external": ["P5"], "largest": "P5",
        "link": "P5.html#P5,P1,P3,P2,P4", "rows": f"patient\texclude\nP1\t{reason}\nP5\t{reason}",
    }  # fmt: skip


def test_the_index_lists_patients_that_the_tables_leave_out_with_the_reason_and_without_a_page(index):
    assert "Left out by the tables: withdrew consent" in index
    assert "P0.html" not in index
