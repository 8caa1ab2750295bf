"""Features of one patient's habitats in one sequence: radiomics of every habitat, its size and its neighbourhood."""

from habitat_radiomics.features import FeatureRow, features_of_readings
from habitat_radiomics.habitat_shape import habitat_shape
from habitat_radiomics.habitats import habitat_masks


def habitat_features(image, labels, *, k, name, bank, shape, settings, engine="reference", reading=""):
    """Features of the habitats of one set, as regions ``NAME1`` to ``NAME<k>``.

    Parameters
    ----------
    image : SimpleITK.Image
        Normalised image of the sequence.
    labels : SimpleITK.Image
        Habitats on the same grid: 0 outside, 1..k inside.
    k : int
        Habitats of the set; each gets its rows, one that the patient lacks with a reason in place of values.
    name : str
        Set of habitats.
    bank, settings, engine
        See ``features.extract_features``.
    shape : bool
        Whether size and neighbourhood, which are those of the labels alone, are listed with this sequence.
    reading : str
        The reading from which the labels were made.

    Returns
    -------
    list of FeatureRow
    """
    regions = habitat_regions(labels, k=k, name=name)
    banks = dict.fromkeys(regions, bank)
    rows = features_of_readings(image, {reading: regions}, banks=banks, settings=settings, engine=engine)
    sizes = habitat_shape(labels, k=k) if shape else []
    return rows + [FeatureRow(reading, _named(row.region, name), *row[1:]) for row in sizes]


def habitat_regions(labels, *, k, name):
    """Masks of the habitats of a set by region name; None where the patient lacks the habitat."""
    return {_named(region, name): mask for region, mask in habitat_masks(labels, k=k).items()}


def _named(region, name):
    return name + region.removeprefix("habitat")
