"""Label some training patients again under changes that should not matter, and measure what changes."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.habitat_cohort import read_samples
from habitat_radiomics.habitat_patient import read_patient
from habitat_radiomics.habitat_stability import agreement_rows, perturbed_labels, refitted, stability_table
from habitat_radiomics.images import single_thread
from habitat_radiomics.tables import write_table

a = arguments(
    "settings", "training", "habitats", "samples", "sample_records", "artifact", "images*", "regions*", "table"
)
settings, artifact = read_json(a.settings), read_json(a.artifact)
paths = [getattr(a, kind).replace("{habitats}", a.habitats) for kind in ("samples", "sample_records")]
samples, _ = read_samples(read_json(a.training)["patients"], samples=paths[0], records=paths[1])
again = refitted(samples, artifact, seed=settings["seed"])
single_thread()
count, rows = len(artifact["sequences"]), {}
for number, (patient, regions) in enumerate(zip(settings["patients"], a.regions, strict=True)):
    if patient in samples:
        files = a.images[number * count : (number + 1) * count]
        images, mask = read_patient(artifact["sequences"], files, regions)
        labels = perturbed_labels(images, mask, artifact, again, seed=settings["seed"])
        rows[patient] = agreement_rows(labels, k=artifact["k"])
write_table(a.table, stability_table(rows))
