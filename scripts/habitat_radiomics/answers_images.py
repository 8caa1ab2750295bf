"""Answers to checklist items on images, regions and features; None in studies whose features were given in tables."""

from collections import Counter

from habitat_radiomics.banks import BANKS, bank_of, feature_names
from habitat_radiomics.checklist_answers import Answer, has_images, listed, median_of
from habitat_radiomics.config import overridden
from habitat_radiomics.labels import CLASSES, count, image_label, number
from habitat_radiomics.methods_text import (
    INTERPOLATORS,
    deep_text,
    features_text,
    habitats_text,
    images_text,
    regions_text,
    reproducibility_text,
    software_text,
)

ENGINES = ("simpleitk", "pyradiomics", "python")
READINGS = {"inter": "between readers", "intra": "by one reader again"}


def imaging_protocol(results):
    """Sequences, scans and usable scans."""
    if not has_images(results):
        return None
    scans = results.quality
    parts = [
        f"{name}: {count((scans['sequence'] == name).sum())} scans, "
        f"{count(((scans['sequence'] == name) & (scans['usable'] == 'True')).sum())} usable"
        for name in results.orders["sequences"]
    ]
    return Answer(f"{'; '.join(parts)}.", tuple(results.files["quality"]), "images")


def preparation(results):
    """Pre-processing of the images and what the quality checks found."""
    if not has_images(results):
        return None
    usable, scans = (results.quality["usable"] == "True").sum(), len(results.quality)
    text = f"{preprocessing(results).text} {count(usable)} of {count(scans)} scans passed the quality checks."
    return Answer(text, tuple(results.files["quality"]), "images")


def segmentation(results):
    """Regions made from the masks, and habitats."""
    if not has_images(results):
        return None
    label, config = results.config["regions"]["mask_label"], results.config
    text = f"Masks came with the images (label {label}). {regions_text(config)} {habitats_text(config)}".strip()
    return Answer(text, tuple(results.files["quality"]), "methods")


def readers(results):
    """Whose masks were used, and how many patients were read again."""
    if not has_images(results):
        return None
    text = f"Models used the masks of reader {results.config['reproducibility']['primary_reader']} in every patient."
    if results.icc is None or results.icc.empty:
        return Answer(f"{text} No repeated reading was used.", (), "methods")
    again = [f"{count(results.icc[f'n_{kind}'].max())} {words}" for kind, words in READINGS.items()]
    return Answer(f"{text} Training patients read again: {listed(again)}.", (results.files["icc"],), "reproducibility")


def preprocessing(results):
    """Registration, bias field, grid and grey values, with the software."""
    if not has_images(results):
        return None
    versions = {name: version for name, version in results.provenance.get("versions", {}).items() if name in ENGINES}
    software = software_text(versions) if "python" in versions else ""
    text = f"{images_text(results.config, results.orders['sequences'])} {software}".strip()
    return Answer(text, (results.files.get("provenance"),), "methods")


def resampling(results):
    """Grid and interpolation of every sequence."""
    if not has_images(results):
        return None
    parts = []
    for name in results.orders["sequences"]:
        chosen = overridden(results.config, "preprocess", name)
        size = " × ".join(f"{step:g}" for step in chosen["spacing_mm"] or [])
        how = f"{size} mm, {INTERPOLATORS[chosen['interpolator']]} interpolation" if size else "its own grid"
        parts.append(f"{name}: {how}")
    masks = "Masks were interpolated linearly; voxels of at least half were inside."
    return Answer(f"{'; '.join(parts)}. {masks}", (results.files.get("provenance"),), "methods")


def discretisation(results):
    """Bin width or number of bins of every sequence, and the bins that training tumours had."""
    if not has_images(results):
        return None
    parts = []
    for name in results.orders["sequences"]:
        chosen = overridden(results.config, "features", name)
        fixed = chosen["bin_count"] is not None
        parts.append(f"{name}: {chosen['bin_count']} bins" if fixed else f"{name}: bin width {chosen['bin_width']:g}")
    found = _bins_found(results.statistics["bin_width"])
    text = f"{'; '.join(parts)}." + (f" Median bins in training tumours: {', '.join(found)}." if found else "")
    return Answer(text, (results.files.get("bin_width"),), "images" if found else "methods")


def _bins_found(widths):
    if widths is None:
        return []
    used = widths[widths["used"].astype(bool)]
    return [f"{row.sequence} {image_label(row.image)} {number(row.median, 0)}" for row in used.itertuples()]


def image_types(results):
    """Original and filtered images that features were taken from."""
    if not has_images(results):
        return None
    groups = {}
    for place, bank in _banks(results):
        words = listed(_image_words(kind, options) for kind, options in bank["image_types"].items())
        groups.setdefault(words, []).append(place)
    return Answer(_by_place(groups), (results.files.get("provenance"),), "methods")


def _image_words(kind, options):
    """Image type with its options: ``LoG (sigma 1, 3, 5)``."""
    parts = [
        f"{name} {', '.join(f'{step:g}' for step in value) if isinstance(value, list) else value}"
        for name, value in options.items()
    ]
    return f"{kind} ({'; '.join(parts)})" if parts else kind


def feature_classes(results):
    """Classes of features with their numbers."""
    if not has_images(results):
        return None
    groups, force_2d = {}, results.config["features"]["force_2d"]
    for place, bank in _banks(results):
        counts = Counter(name.split("_")[1] for name in feature_names(bank, force_2d=force_2d))
        words = listed(f"{CLASSES.get(kind, kind.upper())} {count(n)}" for kind, n in counts.items())
        groups.setdefault(words, []).append(place)
    return Answer(_by_place(groups), (results.files.get("provenance"),), "methods")


def _banks(results):
    """Sequence and region, with the complete bank taken there."""
    for sequence in results.orders["sequences"]:
        chosen = overridden(results.config, "features", sequence)
        for region in results.config["regions"]["names"]:
            known = {**BANKS, **chosen["custom_banks"]}
            yield f"{sequence} {region}", bank_of(known[chosen["banks"].get(region, "A")])


def _by_place(groups):
    if len(groups) == 1:
        return f"Every sequence and region: {next(iter(groups))}."
    return " ".join(f"{listed(places)}: {words}." for words, places in groups.items())


def extraction(results):
    """Engine and version, dimension, and the check by the reference engine."""
    if not has_images(results):
        return None
    version = results.provenance.get("versions", {}).get("pyradiomics")
    used = f" PyRadiomics {version}." if version else ""
    flat = "slice by slice (2D)" if results.config["features"]["force_2d"] else "in three dimensions"
    text = f"{features_text(results.config, results.orders['sequences'])}{used} Hand-crafted features, textures {flat}."
    if deep := deep_text(results.config):
        text = f"{text} {deep}"
    checked = _cross_check(results.quality)
    places = (*(results.files["quality"] if checked else ()), results.files.get("provenance"))
    return Answer(text + checked, places, "methods")


def _cross_check(quality):
    if "checked_values" not in quality:
        return ""
    values = quality["checked_values"].astype(float).fillna(0)
    largest = quality["largest_difference"].astype(float).max()
    if not values.sum():
        return ""
    scans = count((values > 0).sum())
    return f" {count(values.sum())} values of {scans} scans agreed with it to {largest:.0e} (relative)."


def feature_number(results):
    """Features offered to every signature, and of images those of every region; None without any signature."""
    if not results.signatures:
        return None
    offered = [
        f"{results.label('signatures', name)} {count(tables['funnel']['features'].iloc[0])}"
        for name, tables in results.signatures.items()
    ]
    places = tuple(results.files["signatures"][name]["funnel"] for name in results.signatures)
    force_2d = results.config["features"]["force_2d"]
    totals = [f"{place} {count(len(feature_names(bank, force_2d=force_2d)))}" for place, bank in _banks(results)]
    extracted = f" Extracted from each patient: {', '.join(totals)}." if has_images(results) else ""
    return Answer(f"Features offered to the signatures: {'; '.join(offered)}.{extracted}", places, "signatures")


def defaults(results):
    """Where every setting is written down."""
    if not has_images(results) or not results.provenance:
        return None
    text = "All settings that ran, given or default, are written out with the results; nothing else was set."
    return Answer(text, (results.files.get("provenance"),), "provenance")


def reliability(results):
    """Agreement of features between and within readers."""
    if not has_images(results):
        return None
    if results.icc is None:
        lost = "Assess the reliability of the masks, or say why not."
        return Answer("Agreement between readings was not assessed.", missing=lost)
    parts = [
        f"{words} {results.config['reproducibility'][kind]}, {count(results.icc[f'n_{kind}'].max())} patients, "
        f"median {number(median_of(results.icc[f'icc_{kind}']))}"
        for kind, words in READINGS.items()
    ]
    text = f"{reproducibility_text(results.config)} Found {'; '.join(parts)}."
    return Answer(text, (results.files["icc"],), "reproducibility")
