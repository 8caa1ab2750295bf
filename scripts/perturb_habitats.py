"""Label and measure the habitats of one training patient again under changes that should not matter."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.habitat_feature_stability import perturbed_features, write_rows
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.habitat_stability import agreement_rows, perturbed_images, perturbed_labels
from habitat_radiomics.images import single_thread

a = arguments(
    "settings", "artifact", "again", "images*", "records*", "regions", "region_record", "agreement", "features",
    "record",
)  # fmt: skip
settings, artifact, again = (read_json(path) for path in (a.settings, a.artifact, a.again))


def compute():
    single_thread()
    images, mask = read_patient(artifact["sequences"], a.images, a.regions)
    changed = perturbed_images(images, artifact, seed=settings["seed"])
    labels = perturbed_labels(images, changed, mask, artifact, again)
    write_rows(a.agreement, agreement_rows(labels, k=artifact["k"]))
    write_rows(a.features, perturbed_features(images, changed, labels, artifact, again, sets=settings["sets"]))
    return {}


run_step(compute, record=a.record, outputs=[a.agreement, a.features], upstream=[*a.records, a.region_record])
