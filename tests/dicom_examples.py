"""DICOM series and structure sets of invented people, written for tests."""

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, RTStructureSetStorage, generate_uid

AXIAL = ((1, 0, 0), (0, 1, 0))
SAGITTAL = ((0, 1, 0), (0, 0, -1))
OBLIQUE = tuple(map(tuple, np.linalg.qr(np.array([[1, 0.3, 0.1], [-0.2, 1, 0.4], [0.5, -0.1, 1]]))[0].T[:2]))
PERSON = {
    "PatientName": "Zimmermann^Adelheid",
    "PatientBirthDate": "19610203",
    "PatientSex": "F",
    "StudyDate": "20190405",
    "AccessionNumber": "ACC778899",
    "InstitutionName": "Klinikum Beispielstadt",
    "ReferringPhysicianName": "Brandt^Otto",
    "StationName": "MRC35012",
    "StudyTime": "101010",
    "StudyID": "STUDY5566",
    "ImageComments": "seen by Dr Brandt",
}


def uid(name):
    """A UID that is the same for the same name."""
    return generate_uid(entropy_srcs=[name])


def file_of(path, sop_class, sop, **values):
    """A DICOM dataset to be filled and saved."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, sop
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


class Series:
    """One MR series: ``voxels`` (z, y, x), and where voxel (x, y, z) lies by DICOM's formula."""

    def __init__(
        self, patient="4711-0815", description="t1_tse_tra", axes=AXIAL, shape=(6, 9, 8), step_mm=3.6, **values
    ):
        self.patient, self.description, self.axes = patient, description, np.array(axes, dtype=float)
        self.step_mm, self.values = step_mm, values
        self.normal = np.cross(*self.axes)
        self.origin_mm = np.array([-31.5, 12.25, 40.0])
        self.spacing_mm = (0.75, 1.25)  # between columns (x), between rows (y)
        depth, rows, columns = shape
        z, y, x = np.mgrid[:depth, :rows, :columns]
        self.voxels = (100 * z + 10 * y + x + 1).astype(np.int16)
        self.uid = uid(f"{patient} {description}")
        self.frame_uid = uid(f"frame {patient}")

    def sop(self, number):
        return uid(f"{self.uid} {number}")

    def point_mm(self, x, y, z):
        """Position of a voxel in patient coordinates (PS3.3, C.7.6.2.1.1)."""
        along_row, along_column = self.axes
        in_plane = x * self.spacing_mm[0] * along_row + y * self.spacing_mm[1] * along_column
        return self.origin_mm + in_plane + z * self.step_mm * self.normal

    def slice(self, path, number, **values):
        dataset = file_of(path, MRImageStorage, self.sop(number), Modality="MR", PatientID=self.patient, **PERSON)
        dataset.SeriesDescription, dataset.SeriesInstanceUID = self.description, self.uid
        dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = uid(f"study {self.patient}"), self.frame_uid
        dataset.Manufacturer, dataset.ManufacturerModelName = "SIEMENS", "Aera"
        dataset.MagneticFieldStrength, dataset.RepetitionTime, dataset.EchoTime = 1.5, 550, 11
        dataset.SliceThickness, dataset.PatientPosition, dataset.ImageType = 3, "HFS", ["ORIGINAL", "PRIMARY", "M"]
        dataset.SeriesNumber, dataset.AcquisitionNumber, dataset.AcquisitionTime = 3, 1, "101112"
        dataset.InstanceNumber = len(self.voxels) - number  # against the order in space
        dataset.ImageOrientationPatient = self.axes.ravel().round(9).tolist()
        dataset.ImagePositionPatient = self.point_mm(0, 0, number).round(6).tolist()
        dataset.PixelSpacing = [self.spacing_mm[1], self.spacing_mm[0]]
        dataset.Rows, dataset.Columns = self.voxels.shape[1:]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, 1
        dataset.PixelData = self.voxels[number].tobytes()
        for keyword, value in {**self.values, **values}.items():
            setattr(dataset, keyword, value)
        return dataset

    def write(self, folder, *, numbers=None, name="{}.dcm", **values):
        """Write slices (all by default) under names that do not tell their order; return the paths by number."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = {}
        for number in range(len(self.voxels)) if numbers is None else numbers:
            paths[number] = folder / name.format((number * 5) % 7)
            self.slice(paths[number], number, **values).save_as(paths[number])
        return paths


def rectangle(series, z, x, y):
    """Corners (mm) of a rectangle between voxel coordinates x[0]..x[1] and y[0]..y[1] of slice z."""
    corners = ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))
    return [series.point_mm(*corner, z) for corner in corners]


def item(**values):
    dataset = pydicom.Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def write_structures(path, series, regions, *, sops=None, series_uid=None, frame_uid=None, label="reader A", **values):
    """Write a structure set.

    ``regions``: name to a list of (slice number, corners in mm). ``sops``: SOP instance UID by slice number (those of
    the series by default; "" names none). ``series_uid`` "" names no series.
    """
    name = series.sop if sops is None else sops
    frame = frame_uid or series.frame_uid
    dataset = file_of(
        path, RTStructureSetStorage, uid(str(path)), Modality="RTSTRUCT", PatientID=series.patient, **PERSON
    )
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = uid(f"structures {path}"), uid(f"study {series.patient}")
    dataset.StructureSetLabel, dataset.SeriesDescription = label, "contours"
    drawn = item(SeriesInstanceUID=series.uid if series_uid is None else series_uid)
    study = item(RTReferencedSeriesSequence=[] if series_uid == "" else [drawn])
    dataset.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[] if series_uid == "" else [study])
    ]
    dataset.StructureSetROISequence = [
        item(ROINumber=number, ROIName=region, ReferencedFrameOfReferenceUID=frame)
        for number, region in enumerate(regions, start=1)
    ]
    dataset.ROIContourSequence = [
        item(ReferencedROINumber=number, ContourSequence=[_contour(name, *contour) for contour in contours])
        for number, contours in enumerate(regions.values(), start=1)
    ]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def _contour(name, number, corners, kind="CLOSED_PLANAR"):
    contour = item(ContourGeometricType=kind, NumberOfContourPoints=len(corners))
    contour.ContourData = np.concatenate(corners).round(6).tolist()
    if name(number):
        contour.ContourImageSequence = [
            item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=name(number))
        ]
    return contour
