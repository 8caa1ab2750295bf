"""Compare the most active microregion with the aggressive subregion that was planted in the demo cohort."""

import pandas as pd
import SimpleITK as sitk

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.nested_cohort import dice_with_planted, planted_summary
from habitat_radiomics.tables import write_table

a = arguments("settings", "artifact", "labels*", "records*", "planted*", "table", "summary")
cohorts, k, rows = read_json(a.settings)["cohorts"], read_json(a.artifact)["k"], []
for (patient, cohort), labels, record, planted in zip(cohorts.items(), a.labels, a.records, a.planted, strict=True):
    if not read_json(record)["faults"]:
        image = sitk.ReadImage(labels)
        rows.append({"patient": patient, "cohort": cohort, **dice_with_planted(image, sitk.ReadImage(planted), k=k)})
write_table(a.table, pd.DataFrame(rows))
write_table(a.summary, planted_summary(pd.DataFrame(rows)))
