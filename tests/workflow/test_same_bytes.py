"""The same study gives the same bytes: on one core or two, in another order of the jobs, in another folder."""

import hashlib
import shutil

from small_study import Checkout, copy_code

LIST = "results/own/checksums.sha256"


def patients_in_order(output, rule):
    """Patients in the order in which the jobs of a rule were started."""
    blocks = output.split("rule ")[1:]
    wildcards = [block.split("wildcards: ")[1].split("\n")[0] for block in blocks if block.startswith(f"{rule}:")]
    return [part.removeprefix("patient=") for line in wildcards for part in line.split(", ") if "patient=" in part]


def test_cores_order_and_folder_change_no_table_model_or_prediction(own_data, tmp_path):
    own, config, data = own_data
    own.run(config)  # on two cores; nothing to do unless another test has changed something
    listed = [line.split("  ") for line in (own.folder / LIST).read_text().splitlines()]
    assert {name: digest for digest, name in listed} == {
        name: hashlib.sha256((own.folder / name).read_bytes()).hexdigest() for _, name in listed
    }
    names = " ".join(name for _, name in listed)
    for part in (
        "training.parquet",
        "signature.skops",
        "model.skops",
        "predictions.csv",
        "metrics.csv",
        "habitats.json",
    ):
        assert part in names

    (tmp_path / "elsewhere").mkdir()
    other = Checkout(copy_code(tmp_path / "elsewhere"), "own")
    shutil.copytree(data, other.folder / data.name)
    last = sorted(folder.name for folder in (own.results / "features").iterdir() if folder.is_dir())[-1]
    first = [f"results/own/features/{last}/{sequence}.csv" for sequence in config["sequences"]]
    output = other.run(config, "--cores", "1", "--prioritize", *first, "--", LIST)
    order = patients_in_order(output, "preprocess_image")
    assert order != sorted(order)
    assert "patients: images 28/28, regions 28/28, habitats 28/28, features 28/28; cohort steps " in output
    assert (other.folder / LIST).read_text() == (own.folder / LIST).read_text()
