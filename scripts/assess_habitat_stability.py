"""Put the agreement of the habitats of some training patients into one table, and correlate their features."""

from habitat_radiomics.entry import arguments, read_json, write_json
from habitat_radiomics.habitat_cohort import read_perturbed
from habitat_radiomics.habitat_feature_stability import feature_stability, feature_table
from habitat_radiomics.habitat_stability import stability_table
from habitat_radiomics.leakage import digests
from habitat_radiomics.tables import write_table

a = arguments(
    "settings", "habitats", "agreements", "features", "records", "stability", "feature_stability", "fitted_on"
)
paths = {kind: getattr(a, kind).replace("{habitats}", a.habitats) for kind in ("agreements", "features", "records")}
agreements, features = read_perturbed(read_json(a.settings)["patients"], **paths)
write_table(a.stability, stability_table(agreements))
write_table(a.feature_stability, feature_stability(feature_table(features)))
write_json(a.fitted_on, {"fitted_on": digests(features)})
