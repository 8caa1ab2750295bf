"""Draw where the centres of the habitats lie."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitat_charts import draw_centroids
from habitat_radiomics.style import save_figure

a = arguments("settings", "artifact", "figures*")
save_figure(draw_centroids({read_json(a.settings)["title"]: read_json(a.artifact)}), a.figures)
