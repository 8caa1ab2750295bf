"""Write the training scores on which the cut of one model was sought, after making sure that they give its cut."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.model import model_prediction
from habitat_radiomics.model_inputs import model_inputs, read_cutoff
from habitat_radiomics.persist import load_object
from habitat_radiomics.survival_cohort_tables import searched_scores
from habitat_radiomics.tables import write_table

a = arguments("settings", "model", "cutoff", "outcome", "clinical", "quality*", "scores*", "table")
predictors, outcome = model_inputs(read_json(a.settings), a.clinical, a.outcome, a.quality, a.scores)
score = model_prediction(load_object(a.model), predictors)["score"]
write_table(a.table, searched_scores(outcome, score, threshold=read_cutoff(a.cutoff)))
