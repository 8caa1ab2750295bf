"""Draw the permutation importance of one model's inputs."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_importance import draw_importance
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "table", "figures*")
save_figure(draw_importance(read_table(a.table), **read_json(a.settings)), a.figures)
