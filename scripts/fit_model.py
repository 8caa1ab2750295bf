"""Fit one model on the training patients and learn its cut-off."""

from habitat_radiomics.cox_predictor import evaluation_times
from habitat_radiomics.cutoff import learn_cutoff
from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.model import cutoff_scores, fit_model, held_out_scores, model_coefficients
from habitat_radiomics.model_inputs import model_inputs, model_pipeline
from habitat_radiomics.persist import save_object
from habitat_radiomics.tables import read_by_patient, write_table

inputs = ("settings", "outcome", "clinical", "quality*", "scores*", "cross_validation*")
a = arguments(*inputs, "model", "coefficients", "cutoff")
settings = read_json(a.settings)
predictors, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
times = evaluation_times(outcome) if "horizons" in settings else ()
pipeline = model_pipeline(settings, times)
held_out = [held_out_scores(pipeline, read_by_patient(path)).loc[outcome.index] for path in a.cross_validation]
fitted = fit_model(pipeline, predictors, outcome, held_out=held_out[0] if held_out else None)
cutoff = learn_cutoff(outcome, cutoff_scores(fitted, predictors))
save_object(a.model, fitted)
write_table(a.coefficients, model_coefficients(fitted))
write_json(a.cutoff, {**cutoff, "fitted_on": fitted.fitted_on_})
