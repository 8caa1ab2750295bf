"""Draw how the risk predicted by one model moves with its inputs."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_partial_dependence import draw_partial_dependence
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "table", "figures*")
save_figure(draw_partial_dependence(read_table(a.table), **read_json(a.settings)), a.figures)
