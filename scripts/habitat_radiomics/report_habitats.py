"""The section of the report page on habitats, composed from stored tables."""

from math import nan

from habitat_radiomics.habitat_stability import ALL, PERTURBATIONS, feature_summary, stability_summary
from habitat_radiomics.labels import CRITERIA, MINUS, count, number, percent, significant
from habitat_radiomics.report_blocks import displayed, figure, gallery, heading, paragraph, section, stored, table


def habitats_section(results, captions):
    """Return what the habitats are, how many, where, and their shares; None in a study without."""
    blocks = []
    for name in results.orders["habitats"]:
        label = results.config["habitats"][name]["label"] or name
        blocks += [heading(label), paragraph(learning_sentence(results.habitats[name]["artifact"]))]
        blocks += [habitat_table(results, name, label), *_figures(results, name, label, captions)]
        blocks += [stability_table(results, name, label)]
    return section("habitats", "Habitats", blocks)


def learning_sentence(artifact):
    """How the habitats of a set were learnt, and who decided on their number."""
    selection = artifact["selection"]
    number = (
        f"Their number, {artifact['k']}, was given."
        if selection is None
        else f"Their number, {artifact['k']}, was chosen by {CRITERIA[selection['criterion']]} among "
        f"{selection['curve'][0]['k']} to {selection['curve'][-1]['k']}."
    )
    explained = artifact["explained"]
    share = "" if explained is None else f" They explain {percent(round(100 * explained) / 100)} of the variance."
    return (
        f"Learnt from {count(artifact['sampled_voxels'])} tumour voxels of {count(artifact['patients'])} training "
        f"patients, each weighing the same. {number}{share}"
    )


def habitat_table(results, name, label):
    """Number, name, centre in each channel and share of the tumour of every habitat of a set."""
    artifact, shares = (results.habitats[name][part] for part in ("artifact", "shares"))
    centres = artifact["centroids"] or [[] for _ in artifact["names"]]
    channels = artifact["channels"] if artifact["centroids"] else []
    rows = []
    for position, (word, centre) in enumerate(zip(artifact["names"], centres, strict=True), start=1):
        low, middle, high = shares[f"habitat{position}"].quantile([0.25, 0.5, 0.75])
        share = f"{_percent(middle)} ({_percent(low)} to {_percent(high)})"
        rows.append([f"{name}{position}", word, *(significant(value, 3) for value in centre), share])
    header = ["Region", "Name", *(f"Centre in {channel}" for channel in channels), "Share of the tumour"]
    note = "Centres in normalised intensity; shares are median (first to third quartile) over all patients."
    download = stored(results.files["habitats"][name]["shares"], f"shares_{name}.csv")
    return table(label, header, rows, note=note, download=download)


def stability_table(results, name, label):
    """Median Dice of every habitat, median adjusted Rand index, and median ICC of its features under every change."""
    stored_tables = results.habitats[name]
    numbers = [str(at) for at in range(1, stored_tables["artifact"]["k"] + 1)]
    agreement = stability_summary(stored_tables["stability"].astype({"habitat": str}))
    agreement = agreement.set_index(["perturbation", "measure", "habitat"])["median"].to_dict()
    features = feature_summary(stored_tables["features"]).set_index(["perturbation", "habitat"])["median"].to_dict()
    rows = [
        [
            change.replace(" - ", f" {MINUS} "),
            *(number(agreement.get((change, "dice", habitat), nan)) for habitat in numbers),
            number(agreement.get((change, "ari", ALL), nan)),
            *(number(features.get((change, habitat), nan)) for habitat in numbers),
        ]
        for change in (*PERTURBATIONS, ALL)
    ]
    header = ["Change", *(f"Dice {name}{n}" for n in numbers), "Adjusted Rand", *(f"ICC {name}{n}" for n in numbers)]
    patients = stored_tables["stability"]["patient"].nunique()
    note = (
        f"Dice and adjusted Rand index: medians over {count(patients)} training patients. ICC(2,1): medians over the "
        "features of a habitat; the last row takes all changes that keep the number of habitats together."
    )
    download = displayed(f"stability_{name}.csv", header, rows)
    return table(f"Stability of {label}", header, rows, note=note, download=download, folded=True)


def _percent(share):
    return percent(round(100 * share) / 100)


def _figures(results, name, label, captions):
    """Figures of a set, those that exist."""
    files = results.files["figures"]["habitats"][name]
    words = {
        "count": ("habitats_count", f"{label}: criterion against the number of habitats."),
        "centres": ("habitats_centres", f"{label}: centres as a heat map."),
        "stability": ("habitats_stability", f"{label}: agreement of the habitats under small changes."),
        "fractions": ("habitats_fractions", f"{label}: shares of the tumour by outcome."),
    }
    charts = [
        figure(files[kind], alt=alt, caption=captions(caption), file_name=f"{kind}_{name}.svg")
        for kind, (caption, alt) in words.items()
        if kind in files
    ]
    overlays = [
        figure(path, alt=f"{label} of patient {patient} on slices.", file_name=f"{name}_{patient}.png")
        for patient, path in files["overlays"].items()
    ]
    pages = [
        figure(path, alt=f"{label} of all patients, page {page}.", file_name=f"{name}_montage{page}.png")
        for page, path in enumerate(files["montage"], start=1)
    ]
    montage = gallery(pages, caption=captions("habitats_montage"))
    return [*charts, gallery(overlays, caption=captions("habitats")), montage]
