"""Score every training patient by a signature fitted without the patient."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.signature import cross_fitted_scores
from habitat_radiomics.signature_inputs import resampling, signature_inputs
from habitat_radiomics.tables import write_table

a = arguments("settings", "outcome", "features", "batches*", "icc*", "scores")
settings = read_json(a.settings)
pipeline, features, outcome = signature_inputs(settings, a.features, a.outcome, a.icc, *a.batches)
scores = cross_fitted_scores(pipeline, features, outcome, **resampling(settings))
write_table(a.scores, scores.reset_index())
