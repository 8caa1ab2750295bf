"""Draw how well the habitats of a set survive changes that should not matter."""

from habitat_radiomics.entry import arguments, read_json
from habitat_radiomics.figures_habitat_charts import draw_stability
from habitat_radiomics.habitat_stability import stability_summary
from habitat_radiomics.style import save_figure
from habitat_radiomics.tables import read_table

a = arguments("settings", "artifact", "stability", "features", "figures*")
settings, names = read_json(a.settings), read_json(a.artifact)["names"]
summary = stability_summary(read_table(a.stability).fillna({"reason": ""}).astype({"habitat": str}))
title, features = f"{settings['title']}: stability", read_table(a.features)
figure = draw_stability(summary, features, names=names, title=title, threshold=settings["stable"])
save_figure(figure, a.figures)
