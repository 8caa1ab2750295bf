"""Learn a set of habitats from samples of the training patients."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.habitat_cohort import fit_set, read_samples
from habitat_radiomics.tables import write_table

a = arguments("settings", "training", "habitats", "samples", "records", "artifact", "curve")
paths = {kind: getattr(a, kind).replace("{habitats}", a.habitats) for kind in ("samples", "records")}
samples, resels = read_samples(read_json(a.training)["patients"], **paths)
artifact, curve = fit_set(samples, resels, settings=read_json(a.settings))
write_json(a.artifact, artifact)
write_table(a.curve, curve)
