"""Learn a set of habitats again with other numbers, draws and patients, for the measure of its stability."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.habitat_cohort import read_samples
from habitat_radiomics.habitat_stability import refitted

a = arguments("settings", "training", "habitats", "samples", "records", "artifact", "again")
paths = {kind: getattr(a, kind).replace("{habitats}", a.habitats) for kind in ("samples", "records")}
samples, _ = read_samples(read_json(a.training)["patients"], **paths)
write_json(a.again, refitted(samples, read_json(a.artifact), seed=read_json(a.settings)["seed"]))
