"""Progression of real sarcomas through the workflow: what it stores equals lifelines on the clinical file and masks."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index

from applied_study import apply_bundle
from habitat_radiomics.tables import read_by_patient, read_table
from small_study import BANK, ROOT, Checkout, change_cell, copy_code

SHAPE = {**BANK, "shape": True}


def reduced(config, folder):
    """The example as shipped, but for its T1 alone, tumours alone, few features and no resamples."""
    signatures = {name: config["signatures"][name] for name in ("volume", "tumour")}
    models = {name: config["models"][name] for name in ("clinical", "volume", "tumour")}
    return {
        **config,
        "data": {**config["data"], "folder": str(folder)},
        "sequences": {"MR_T1": None},
        "regions": {"names": ["tumour"]},
        "habitats": {},
        "features": {"banks": {"tumour": "few"}, "custom_banks": {"few": SHAPE}, "engine": "reference"},
        "signatures": signatures,
        "models": models,
        "bootstrap": {"replicates": 0},
        "validation": {"reference_model": "volume", "headline_model": "tumour"},
        "report": {"review": False},
    }


@pytest.fixture(scope="module")
def sarcomas(tmp_path_factory, shared_data):
    study = Checkout(copy_code(tmp_path_factory.mktemp("sarcomas")), "example_sts_pfs")
    config = yaml.safe_load((ROOT / "config/studies/example_sts_pfs.yaml").read_text())
    study.run(reduced(config, (shared_data / "sts36").resolve()))
    return study


@pytest.fixture(scope="module")
def patients(sarcomas, shared_data):
    """Cohort as the study drew it; days, event and mask volume of each patient straight from the files."""
    table = pd.read_csv(shared_data / "sts36/clinical_sts.csv").dropna(subset=["pfs_days", "pfs_event"])
    table = table.set_index("patient")[["pfs_days", "pfs_event"]].set_axis(["time", "event"], axis=1)
    volumes = [volume_mm3(shared_data / f"sts36/nifti/{patient}/MR_T1_mask.nii.gz") for patient in table.index]
    cohort = read_by_patient(sarcomas.results / "cohort/outcome.csv")["cohort"]
    return table.assign(volume=volumes).join(cohort, how="inner")


def volume_mm3(path):
    mask = sitk.ReadImage(str(path))
    return float((sitk.GetArrayViewFromImage(mask) > 0).sum() * np.prod(mask.GetSpacing()))


def median_survival(times, events):
    """The median as R's survfit defines it, in exact fractions: where S(t) is 1/2, the middle of that step."""
    survival, at_half = Fraction(1), None
    for time in np.unique(times[events == 1]):
        if at_half is not None:
            return (at_half + time) / 2
        at_risk = int((times >= time).sum())
        survival *= Fraction(at_risk - int((events[times == time] == 1).sum()), at_risk)
        if survival < Fraction(1, 2):
            return float(time)
        at_half = time if survival == Fraction(1, 2) else None
    return float("nan") if at_half is None else (at_half + times.max()) / 2


def test_all_patients_with_follow_up_are_in(patients):
    assert len(patients) == 33 and patients["event"].sum() == 16


def test_the_c_index_of_the_volume_alone_is_lifelines_of_the_masks(sarcomas, patients):
    stored = read_table(sarcomas.results / "validate/volume.csv").set_index("cohort")
    for cohort, rows in patients.groupby("cohort"):
        expected = concordance_index(rows["time"], -rows["volume"], rows["event"])
        assert stored.loc[cohort, "estimate"] == pytest.approx(expected, abs=1e-12), cohort
        assert stored.loc[cohort, "n"] == len(rows)


def test_the_c_index_of_every_model_is_lifelines_of_its_scores(sarcomas, patients):
    stored = read_table(sarcomas.results / "validate/metrics.csv").query("metric == 'c_harrell'")
    assert set(stored["model"]) == {"clinical", "volume", "tumour"}
    for row in stored.itertuples():
        rows = predictions(sarcomas, patients, row.model, row.cohort)
        expected = concordance_index(rows["time"], -rows["score"], rows["event"])
        assert row.estimate == pytest.approx(expected, abs=1e-12), (row.model, row.cohort)


def test_medians_are_those_of_r_and_log_rank_tests_those_of_lifelines(sarcomas, patients):
    stored = read_table(sarcomas.results / "validate/risk_groups.csv").query("subgroup == 'all'")
    tested = 0
    for row in stored.itertuples():
        rows = predictions(sarcomas, patients, row.model, row.cohort)
        groups = {name: rows[rows["group"] == name] for name in ("low", "high")}
        for name, group in groups.items():
            expected = median_survival(group["time"].to_numpy(), group["event"].to_numpy())
            assert getattr(row, f"median_{name}") == pytest.approx(expected, abs=1e-9, nan_ok=True), row
        if np.isfinite(row.p):
            columns = [groups[name][column] for column in ("time", "event") for name in groups]
            test = logrank_test(*columns)
            assert row.chi2 == pytest.approx(test.test_statistic, rel=1e-9)
            assert row.p == pytest.approx(test.p_value, rel=1e-9)
            tested += 1
    assert tested >= 5


def predictions(study, patients, model, cohort):
    stored = read_table(study.results / f"validate/{model}/predictions.csv").query("cohort == @cohort")
    return stored.set_index("patient")[["score", "group"]].join(patients[["time", "event"]])


def test_a_patient_read_from_dicom_gets_the_predictions_of_the_study_by_its_bundle(sarcomas, shared_data):
    mapping = sarcomas.folder / "sequences.yaml"
    mapping.write_text("sequences: {MR_T1: MR_T1_image}\nroi: GTV_Mass_MR_T1\n")
    command = [sys.executable, "scripts/import_dicom.py", str(shared_data / "dicom/STS_025/MR_T1"), "scanned"]
    subprocess.run([*command, "--map", mapping.name, "--keep-ids"], cwd=sarcomas.folder, check=True)
    tables = [sarcomas.folder / f"scanned/{name}.tsv" for name in ("patients", "images")]
    change_cell(tables[0], "STS_025", "age", lambda _: "76")  # which the headers leave out
    apply_bundle(sarcomas, sarcomas.results / "model/bundle.zip", tables, "scanned", "--quiet", "rules")
    for model in ("clinical", "volume", "tumour"):
        stored = read_by_patient(sarcomas.results / f"validate/{model}/predictions.csv").query("cohort != 'train_cv'")
        found = read_by_patient(sarcomas.folder / f"results/scanned/predictions/{model}.csv")
        columns = ["score", "risk_365", "risk_730"]
        assert list(found.index) == ["STS_025"]
        np.testing.assert_allclose(found[columns], stored.loc[["STS_025"], columns], rtol=1e-9, err_msg=model)
        assert found.loc["STS_025", "group"] == stored.loc["STS_025", "group"]
