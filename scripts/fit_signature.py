"""Fit one signature on the training patients."""

from habitat_radiomics.best_of import candidate_table
from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.persist import save_object
from habitat_radiomics.signature import fit_signature, penalty_path, selection_funnel, signature_coefficients
from habitat_radiomics.signature_inputs import signature_inputs
from habitat_radiomics.tables import write_table

inputs = ("settings", "outcome", "features", "batches*", "icc*")
a = arguments(*inputs, "signature", "funnel", "coefficients", "path", "candidates")
pipeline, features, outcome = signature_inputs(read_json(a.settings), a.features, a.outcome, a.icc, *a.batches)
fitted = fit_signature(pipeline, features, outcome)
save_object(a.signature, fitted)
write_table(a.funnel, selection_funnel(fitted))
write_table(a.coefficients, signature_coefficients(fitted))
write_table(a.path, penalty_path(fitted))
write_table(a.candidates, candidate_table(fitted))
