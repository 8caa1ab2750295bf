"""Draw the cross-validated deviance and the coefficient paths of one signature."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_selection import draw_lasso
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "path", "scores", "figures*")
settings = read_json(a.settings)
figure = draw_lasso(
    read_table(a.path), label=settings["label"], unit=settings["unit"], patients=len(read_table(a.scores))
)
save_figure(figure, a.figures)
