"""Draw the criterion by which the number of habitats was chosen."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitat_charts import draw_count_curve
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "curve", "figures*")
settings = read_json(a.settings)
save_figure(draw_count_curve({settings["title"]: read_table(a.curve)}, criterion=settings["criterion"]), a.figures)
