"""Stop unless everything learnt saw training patients only."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.leakage import require_training
from habitat_radiomics.persist import load_object

a = arguments("training", "objects*", "records*", "report")
training = read_json(a.training)["patients"]
fitted_on = {path: load_object(path).fitted_on_ for path in a.objects}
fitted_on |= {path: read_json(path)["fitted_on"] for path in a.records}
for path, patients in fitted_on.items():
    require_training(path, patients, training)
checked = {path: len(patients) for path, patients in fitted_on.items()}
write_json(a.report, {"checked": checked, "training": len(training)})
