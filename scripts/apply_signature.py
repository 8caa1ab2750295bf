"""Score every patient by a fitted signature, and write the values of the features it selected."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature import selected_features, signature_score
from habitat_radiomics.signature_inputs import read_features
from habitat_radiomics.tables import write_table

a = arguments("signature", "features*", "batches*", "scores", "selected")
features = read_features(a.features, *a.batches)
fitted = load_object(a.signature)
write_table(a.scores, signature_score(fitted, features).reset_index())
write_table(a.selected, selected_features(fitted, features).reset_index())
