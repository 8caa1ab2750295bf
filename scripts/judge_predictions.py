"""Put the outcomes that are known beside predictions, as a study stores them for its validation."""

from habitat_radiomics.entry import arguments
from habitat_radiomics.tables import read_by_patient, read_table, write_table
from habitat_radiomics.validation import judged_predictions

a = arguments("outcome", "predictions", "survival*", "judged", "judged_survival*")
outcome = read_by_patient(a.outcome)
whole = {name: int for name in ("outcome", "event") if name in outcome}
write_table(a.judged, judged_predictions(read_table(a.predictions), outcome).astype(whole))
for path, judged in zip(a.survival, a.judged_survival, strict=True):
    cohort = outcome.dropna()[["cohort"]]
    write_table(judged, judged_predictions(read_table(path), cohort))
