"""Fit one model on the training patients and learn its cut-off."""

from habitat_radiomics.cox_predictor import evaluation_times
from habitat_radiomics.cutoff import learn_cutoff
from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.model import fit_model, model_coefficients, model_prediction
from habitat_radiomics.model_inputs import model_inputs, model_pipeline
from habitat_radiomics.persist import save_object
from habitat_radiomics.tables import read_by_patient, write_table

inputs = ("settings", "outcome", "clinical", "quality*", "scores*", "cross_validation*")
a = arguments(*inputs, "model", "coefficients", "cutoff")
settings = read_json(a.settings)
predictors, outcome = model_inputs(settings, a.clinical, a.outcome, a.quality, a.scores)
held_out = read_by_patient(a.cross_validation[0])["score"].loc[outcome.index] if a.cross_validation else None
times = evaluation_times(outcome) if "horizons" in settings else ()
fitted = fit_model(model_pipeline(settings, times), predictors, outcome, held_out=held_out)
cutoff = learn_cutoff(outcome, model_prediction(fitted, predictors)["score"])
save_object(a.model, fitted)
write_table(a.coefficients, model_coefficients(fitted))
write_json(a.cutoff, {**cutoff, "fitted_on": fitted.fitted_on_})
