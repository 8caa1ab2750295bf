"""Draw the shares of the habitats by outcome."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitat_charts import draw_fractions
from habitat_radiomics.habitat_cohort import shares_by_outcome
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "artifact", "shares", "outcome", "figures*")
settings, names = read_json(a.settings), read_json(a.artifact)["names"]
fractions = shares_by_outcome(read_table(a.shares), read_table(a.outcome))
figure = draw_fractions(fractions, names=names, title=settings["title"], outcome_label=settings["outcome_label"])
save_figure(figure, a.figures)
