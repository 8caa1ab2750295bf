"""Normalise the grey values of one preprocessed sequence of one patient."""

from habitat_radiomics.entry import arguments, read_json, run_step
from habitat_radiomics.images import read_image, write_image
from habitat_radiomics.intensity import normalise_intensity

a = arguments("settings", "image", "upstream", "scale*", "out_image", "record")
settings = read_json(a.settings)
method = settings["method"]
options = {"zscore": {"scale": settings.get("scale")}}.get(method, {})
if method == "nyul":
    options = {"standard": read_json(a.scale[0])["standard"]}


def compute():
    measures = read_json(a.upstream)["measures"]
    image = normalise_intensity(
        read_image(a.image),
        measures["statistics"],
        method=method,
        settings=options,
    )
    write_image(image, a.out_image)
    return measures


run_step(compute, record=a.record, outputs=[a.out_image], upstream=[a.upstream])
