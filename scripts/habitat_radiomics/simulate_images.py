"""The MR images and masks of one patient of the demo cohort.

The anatomy lives on a 1 mm grid about the isocentre; each sequence looks at it through its own grid, contrast
and scanner. Arrays are z, y, x; tuples of three are x, y, z in mm.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from habitat_radiomics.simulate import (
    AGGRESSIVE,
    BULK,
    CORE,
    READINGS,
    SEQUENCES,
    demo_settings,
    generator,
    latent_truth,
)

LATTICE = (80, 100, 100)  # z, y, x voxels of 1 mm: the anatomy
BOX = 60  # edge, in mm, of the cube around the tumour
TRIAL_MM = 15.0  # mean radius at which a shape's volume is measured, to be scaled to the one wanted
SUBSLICES = 3  # sampled per slice and averaged: partial volume
OEDEMA_MM = 5.0  # over which it fades to a third
AIR, FAT, MUSCLE, MARROW, CORTEX, VESSEL = 0, 4, 5, 6, 7, 8  # 1 to 3 are the tumour's subregions


@dataclass(frozen=True)
class Scanner:
    """What a site does to the signal: gain, noise (before gain) and a smooth multiplicative field.

    ``tilt`` and ``bowl`` are the linear (x, y, z) and quadratic parts of the log field at the edge of the body.
    """

    gain: float
    noise: float
    tilt: tuple
    bowl: float


SCANNERS = {
    "A": Scanner(gain=1.0, noise=9.0, tilt=(0.05, 0.02, 0.02), bowl=-0.10),
    "B": Scanner(gain=1.8, noise=13.0, tilt=(-0.04, 0.16, 0.04), bowl=0.08),
    "C": Scanner(gain=0.6, noise=16.0, tilt=(0.10, -0.05, 0.00), bowl=-0.04),
    "D": Scanner(gain=2.6, noise=11.0, tilt=(-0.08, 0.06, -0.05), bowl=0.12),
}


@dataclass(frozen=True)
class Reader:
    """How a reading errs: the contour's mean displacement outwards and its local standard deviation, in mm."""

    bias_mm: float
    sd_mm: float


READERS = {"r1": Reader(0.0, 0.3), "r1b": Reader(0.0, 0.6), "r2": Reader(0.6, 0.75)}


@dataclass(frozen=True)
class Tumour:
    """The tumour in its box: distance inside the surface along the ray from the centre, and subregions 0 to 3."""

    centre: tuple  # x, y, z of the lattice voxel at the box's middle
    depth_mm: np.ndarray
    subregions: np.ndarray


def simulate_patient(settings, patient):
    """All images and masks of one patient.

    Parameters
    ----------
    settings : dict
        Any of the fields of `habitat_radiomics.simulate.DemoSettings`; those of ``simulate.image_settings``
        are the ones that matter here.
    patient : str
        Such as "P001".

    Returns
    -------
    dict of str to SimpleITK.Image
        By file name: for each sequence ``T1.nii.gz`` (int16 signal), ``T1.r1.nii.gz``, ``T1.r1b.nii.gz`` and
        ``T1.r2.nii.gz`` (uint8 masks, 1 inside, on the sequence's grid); and ``subregions.nii.gz`` (uint8, 1 core,
        2 bulk, 3 aggressive, on a grid of 1 mm, as the patient lay in the first sequence), the truth.

    Raises
    ------
    ValueError
        For settings that are unknown or out of range.
    """
    demo = demo_settings(settings)
    latent = latent_truth(demo.seed, patient, site_b_fraction=demo.site_b_fraction, sites=demo.sites)
    tumour = grow_tumour(demo.seed, patient, latent)
    anatomy = draw_anatomy(demo.seed, patient, tumour)
    files = {}
    for name in demo.sequences:
        shift = patient_shift(demo, patient, name)
        signal = tissue_signal(demo.seed, patient, name, anatomy, tumour, latent.texture)
        files[f"{name}.nii.gz"] = scan(demo.seed, patient, name, signal, latent.site, shift)
        for reading in READINGS:
            contour = drawn_depth(demo.seed, patient, name, reading, tumour)
            files[f"{name}.{reading}.nii.gz"] = mask_on_grid(contour, tumour.centre, name, shift)
    files["subregions.nii.gz"] = subregions_on_lattice(tumour)
    return files


# Anatomy


def smooth_field(random, shape, length_mm):
    """A Gaussian random field of zero mean and unit variance, correlated over about ``length_mm``.

    White noise on a periodic 1 mm grid, filtered by a Gaussian of standard deviation ``length_mm``.
    """
    frequencies = [np.fft.fftfreq(count) for count in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    spectrum = np.fft.rfftn(random.standard_normal(shape))
    for axis, frequency in enumerate(frequencies):
        gain = np.exp(-2 * (np.pi * length_mm * frequency) ** 2)
        spectrum *= gain.reshape([-1 if axis == other else 1 for other in range(3)])
    filtered = np.fft.irfftn(spectrum, shape, axes=(0, 1, 2))
    return (filtered - filtered.mean()) / filtered.std()


def millimetres(shape):
    """Open z, y, x coordinates of a 1 mm grid about its middle voxel."""
    return np.ogrid[tuple(slice(-(count // 2), count - count // 2) for count in shape)]


def grow_tumour(seed, patient, latent):
    """An irregular star-shaped tumour of the stated volume, off the body's axis, with its subregions."""
    random = generator(seed, "tumour", patient)
    angle = random.uniform(0, 2 * np.pi)
    reach = 3.0 + 0.7 * (16.0 - latent.radius_mm)  # large tumours lie centrally, to stay inside the body
    offset = np.rint([reach * np.cos(angle), reach * np.sin(angle), random.uniform(-3, 3)]).astype(int)
    z, y, x = millimetres((BOX, BOX, BOX))
    distance = np.sqrt(z**2 + y**2 + x**2) + 1e-9
    radius = _harmonic_radius(random, (x / distance, y / distance, z / distance))
    trial_volume = np.count_nonzero(distance < TRIAL_MM * radius)
    scale = TRIAL_MM * (4 / 3 * np.pi * latent.radius_mm**3 / trial_volume) ** (1 / 3)
    depth = scale * radius - distance
    return Tumour(
        centre=tuple(int(value) for value in offset + np.array(LATTICE[::-1]) // 2),
        depth_mm=depth,
        subregions=plant_subregions(random, depth, (x, y, z), latent),
    )


def _harmonic_radius(random, direction):
    """Relative radius by direction: a few random waves over the unit sphere, from round bulges to small lobes."""
    log_radius = np.zeros(direction[0].shape)
    for wave_number, height in ((1.5, 0.14), (2.5, 0.10), (4.0, 0.07), (6.0, 0.04)):
        axis = random.standard_normal(3)
        axis *= wave_number / np.linalg.norm(axis)
        phase = sum(part * cosine for part, cosine in zip(axis, direction, strict=True))
        log_radius += height * np.cos(phase + random.uniform(0, 2 * np.pi))
    return np.exp(log_radius)


def plant_subregions(random, depth, coordinates, latent):
    """Labels 0 to 3 in the box: core about a focus on one side, aggressive on the other, bulk between; shares exact."""
    axis = random.standard_normal(3)
    axis /= np.linalg.norm(axis)
    labels = np.where(depth > 0, BULK, 0).astype(np.uint8)
    tumour_voxels = np.count_nonzero(labels)
    for label, focus, share in (
        (CORE, -0.8 * axis, latent.core_fraction),
        (AGGRESSIVE, 1.3 * axis, latent.fraction),
    ):
        squares = [(along / latent.radius_mm - middle) ** 2 for along, middle in zip(coordinates, focus, strict=True)]
        remoteness = np.sqrt(sum(squares)) + 0.15 * smooth_field(random, depth.shape, 5.0)
        candidates = np.flatnonzero(labels == BULK)
        order = np.argsort(remoteness.ravel()[candidates], kind="stable")
        labels.ravel()[candidates[order[: round(share * tumour_voxels)]]] = label
    return labels


def draw_anatomy(seed, patient, tumour):
    """Tissue labels on the lattice: a limb with a fat rind, muscle with fat planes, a bone, vessels, the tumour."""
    random = generator(seed, "anatomy", patient)
    z, y, x = millimetres(LATTICE)
    half_width, half_height = random.uniform(39.5, 42.0), random.uniform(37.0, 39.5)
    taper = 1 + 0.04 * np.sin(z / 25 + random.uniform(0, 2 * np.pi))
    radius = np.sqrt((x / half_width) ** 2 + (y / half_height) ** 2) / taper
    uneven = smooth_field(random, LATTICE, 7.0)
    rind = random.uniform(4.0, 6.5) + 0.8 * uneven
    tissue = np.full(LATTICE, MUSCLE, np.uint8)
    tissue[np.abs(uneven) < 0.06] = FAT  # the fat planes between muscles
    tissue[(1 - radius) * half_height < rind] = FAT
    _add_bone_and_vessels(random, tissue, tumour.centre)
    tissue[radius > 1] = AIR
    box = lattice_box(tumour.centre)
    tissue[box] = np.where(tumour.subregions > 0, tumour.subregions, tissue[box])
    return tissue


def _add_bone_and_vessels(random, tissue, centre):
    """A long bone with marrow across the limb from the tumour, and two vessels beside it."""
    z, y, x = millimetres(tissue.shape)
    away = np.arctan2(centre[1] - tissue.shape[1] / 2, centre[0] - tissue.shape[2] / 2) + np.pi
    bone = np.sqrt((x - 25 * np.cos(away)) ** 2 + (y - 23 * np.sin(away)) ** 2 + (z / 8) ** 2)
    outer = random.uniform(6.0, 7.5)
    tissue[bone < outer] = CORTEX
    tissue[bone < outer - 2] = MARROW
    for turn, caliber in ((0.55, 2.2), (0.72, 1.6)):
        middle = (26 * np.cos(away + turn), 24 * np.sin(away + turn))
        vessel = (x - middle[0] - 0.05 * z) ** 2 + (y - middle[1]) ** 2 < caliber**2
        tissue[np.broadcast_to(vessel, tissue.shape)] = VESSEL


def lattice_box(centre):
    """Slices z, y, x of the tumour's box in the lattice."""
    return tuple(slice(middle - BOX // 2, middle + BOX // 2) for middle in reversed(centre))


# Signal


def tissue_signal(seed, patient, sequence, anatomy, tumour, texture):
    """Signal on the lattice, float64, before the scanner: contrast, individual variation, texture."""
    random = generator(seed, f"signal {sequence}", patient)
    contrast = SEQUENCES[sequence]
    levels = np.array([0.0, contrast.core, contrast.bulk, contrast.aggressive, contrast.fat, contrast.muscle,
                       contrast.marrow, contrast.cortex, 0.4 * contrast.muscle])  # fmt: skip
    levels *= 1 + 0.025 * random.standard_normal(levels.size)
    signal = levels[anatomy]
    grain = 0.05 * smooth_field(random, anatomy.shape, 1.2)
    signal *= 1 + grain
    box = lattice_box(tumour.centre)
    weave = tumour_texture(seed, patient, random, texture) * contrast.texture
    halo = contrast.oedema * np.exp(np.minimum(tumour.depth_mm, 0.0) / OEDEMA_MM)
    signal[box] += np.where(tumour.subregions > 0, weave, np.where(anatomy[box] == MUSCLE, halo, 0.0))
    return signal


def tumour_texture(seed, patient, random, texture):
    """Correlated noise inside the tumour's box, standard deviation about 1: coarser and stronger as texture rises.

    Half of its variance is the tissue's own, alike in every sequence; the other half is the sequence's.
    """
    length_mm = 0.6 + 2.4 * texture
    shape = (BOX, BOX, BOX)
    shared = smooth_field(generator(seed, "texture", patient), shape, length_mm)
    return (0.7 + 0.6 * texture) * (shared + smooth_field(random, shape, length_mm)) / np.sqrt(2)


# Scanner


def patient_shift(demo, patient, sequence):
    """Displacement x, y, z in mm of the patient during a sequence; none in the first."""
    if sequence == demo.sequences[0] or demo.motion_mm == 0:
        return (0.0, 0.0, 0.0)
    random = generator(demo.seed, f"motion {sequence}", patient)
    direction = random.standard_normal(3)
    length = demo.motion_mm * random.uniform() / np.linalg.norm(direction)
    return tuple(float(value) for value in length * direction)


def scan(seed, patient, sequence, signal, site, shift):
    """The int16 image a site's scanner makes of the signal: sampling, field, Rician noise, gain."""
    random = generator(seed, f"scan {sequence}", patient)
    scanner, grid = SCANNERS[site], empty_grid(sequence)
    sampled = _slice_averaged(sitk.GetImageFromArray(signal.astype(np.float32)), sequence, shift)
    true = sampled * bias_field(random, scanner, grid)
    real = true + scanner.noise * random.standard_normal(true.shape)
    imaginary = scanner.noise * random.standard_normal(true.shape)
    magnitude = scanner.gain * np.hypot(real, imaginary)
    image = sitk.GetImageFromArray(np.rint(magnitude).astype(np.int16))
    image.CopyInformation(grid)
    return image


def _slice_averaged(lattice_image, sequence, shift):
    """The lattice on the sequence's grid, z, y, x: linear in plane, averaged over the slice's thickness."""
    grid = empty_grid(sequence, subslices=SUBSLICES)
    fine = sitk.GetArrayFromImage(_resample(_placed(lattice_image), grid, shift, default=0.0))
    return fine.reshape(-1, SUBSLICES, *fine.shape[1:]).mean(axis=1)


def bias_field(random, scanner, grid):
    """Smooth multiplicative field of mean about 1 on a grid: the site's pattern, varied a little by patient."""
    points = [
        (np.arange(count) - (count - 1) / 2) * step / 45.0
        for count, step in zip(grid.GetSize(), grid.GetSpacing(), strict=True)
    ]
    x, y, z = points[0], points[1][:, None], points[2][:, None, None]
    tilt = np.array(scanner.tilt) + 0.02 * random.standard_normal(3)
    bowl = scanner.bowl + 0.02 * random.standard_normal()
    return np.exp(tilt[0] * x + tilt[1] * y + tilt[2] * z + bowl * (x**2 + y**2 - 0.5))


# Readers


def drawn_depth(seed, patient, sequence, reading, tumour):
    """Depth inside the contour a reader draws, in the tumour's box: the truth with a smooth error."""
    reader = READERS[reading]
    random = generator(seed, f"contour {sequence} {reading}", patient)
    return tumour.depth_mm + reader.bias_mm + reader.sd_mm * smooth_field(random, tumour.depth_mm.shape, 3.0)


def mask_on_grid(depth, centre, sequence, shift):
    """The uint8 mask, on the sequence's grid, of where the depth is positive."""
    sampled = _resample(_boxed(depth, centre), empty_grid(sequence), shift, default=-1.0)
    return sitk.Cast(sampled > 0, sitk.sitkUInt8)


def subregions_on_lattice(tumour):
    """Planted labels 1 to 3 on the 1 mm grid of the anatomy, 0 outside the tumour."""
    labels = np.zeros(LATTICE, np.uint8)
    labels[lattice_box(tumour.centre)] = tumour.subregions
    return _placed(sitk.GetImageFromArray(labels))


# Grids


def empty_grid(sequence, *, subslices=1):
    """A uint8 image with the geometry of a sequence, its slices divided in so many."""
    protocol = SEQUENCES[sequence]
    size = np.array(protocol.size) * (1, 1, subslices)
    spacing = np.array(protocol.spacing_mm) / (1, 1, subslices)
    grid = sitk.Image([int(count) for count in size], sitk.sitkUInt8)
    grid.SetSpacing([float(step) for step in spacing])
    origin = np.array(protocol.offset_mm) - (size - 1) / 2 * spacing
    grid.SetOrigin([float(value) for value in np.round(origin, 4)])
    return grid


def _placed(image):
    """A 1 mm image of the lattice with the lattice's origin; world zero is its middle voxel."""
    image.SetOrigin([-float(count // 2) for count in reversed(LATTICE)])
    return image


def _boxed(array, centre):
    """A float32 1 mm image of the tumour's box, placed in the world."""
    image = sitk.GetImageFromArray(np.asarray(array, np.float32))
    corner = np.array(centre) - BOX // 2 - np.array(LATTICE[::-1]) // 2
    image.SetOrigin([float(value) for value in corner])
    return image


def _resample(image, grid, shift, *, default):
    """Linear samples of a 1 mm image, displaced by the patient's shift, on a grid."""
    transform = sitk.TranslationTransform(3, [-value for value in shift])
    return sitk.Resample(image, grid, transform, sitk.sitkLinear, default, sitk.sitkFloat32)
