"""Score every patient by a fitted signature."""

import pandas as pd

from habitat_radiomics.entry import arguments
from habitat_radiomics.persist import load_object
from habitat_radiomics.signature import signature_score
from habitat_radiomics.tables import read_by_patient, write_table

a = arguments("signature", "features*", "scores")
features = pd.concat([read_by_patient(path) for path in a.features])
write_table(a.scores, signature_score(load_object(a.signature), features).reset_index())
