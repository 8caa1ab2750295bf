"""Learn a nested set from the training patients: the machine of all, and one for each fold."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.nested_cohort import read_training
from habitat_radiomics.nested_model import fit_nested, scale_table
from habitat_radiomics.outcome import outcome_of
from habitat_radiomics.tables import read_by_patient, write_table

patterns = ("features", "feature_records", "moments", "records")
a = arguments("settings", "training", "habitats", "outcome", *patterns, "artifact", "scales")
settings = read_json(a.settings)
paths = {kind: getattr(a, kind).replace("{habitats}", a.habitats) for kind in patterns}
features, moments = read_training(read_json(a.training)["patients"], settings=settings, **paths)
outcome = outcome_of(read_by_patient(a.outcome)).loc[features.index]
artifact = fit_nested(features, moments, outcome, settings=settings)
write_json(a.artifact, artifact)
write_table(a.scales, scale_table(artifact))
