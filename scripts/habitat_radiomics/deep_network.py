"""A pretrained network that turns a picture into a vector, and the vectors of tumours as features.

Everything runs on one thread of the CPU, picture by picture, so that neither a batch nor the number of cores can change
a digit. Another kind of CPU may, in the seventh: libraries choose their instructions by it.
"""

import io
import json
from pathlib import Path

import numpy as np

from habitat_radiomics.deep_input import network_input
from habitat_radiomics.deep_settings import REGION
from habitat_radiomics.features import FeatureRow


class Network:
    """A prepared network, ready to run.

    Parameters
    ----------
    content : bytes
    description : dict
        See `deep_weights.prepare_network`.
    """

    def __init__(self, content, description):
        self.description = description
        run = {"onnx": _onnx_runner, "torchscript": _torchscript_runner}[description["kind"]]
        self._run = run(content, description["layer"])

    def vector(self, picture):
        """Return the vector (float32) of a picture of grey values from 0 to 1, shape (3, size, size).

        Maps of an output that still has places are averaged over them (global average pooling: Lin et al. 2014, ICLR,
        section 3.2).
        """
        mean, sd = (np.reshape(self.description[key], (3, 1, 1)) for key in ("mean", "sd"))
        output = self._run(((picture - mean) / sd).astype(np.float32)[None])[0]
        return output.mean(axis=(1, 2)) if output.ndim == 3 else output


def read_network(path, description):
    """Return the `Network` of the files that a study stored."""
    return Network(Path(path).read_bytes(), json.loads(Path(description).read_text(encoding="utf-8")))


def _onnx_runner(content, layer):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors; a graph with unused weights is none
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0].name
    return lambda batch: session.run(None, {image: batch})[0]


def _torchscript_runner(content, layer):
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    module = torch_module(content)
    part = dict(module.named_modules())[layer or ""]

    def run(batch):
        with torch.inference_mode():
            return part(torch.from_numpy(batch)).numpy()

    return run


def torch_module(content):
    """Return the module of the bytes of a TorchScript file, on the CPU.

    Raises
    ------
    RuntimeError
        They are something else.
    """
    import torch

    return torch.jit.load(io.BytesIO(content), map_location="cpu").eval()


# features


def deep_features(image, tumours, network, *, margin_mm, slice_distance_mm, window):
    """Return the vector of one image's tumour by every reading, as features of the region ``deep``.

    Parameters
    ----------
    image : SimpleITK.Image
        Preprocessed.
    tumours : dict
        Reading to SimpleITK mask on the same grid.
    network : Network
    margin_mm, slice_distance_mm, window
        See `deep_input.network_input`.

    Returns
    -------
    list of FeatureRow
        ``deep_gap_0001``, ...; NaN with a reason where the network gives no finite number.

    Raises
    ------
    DataFault
    """
    box = {"margin_mm": margin_mm, "slice_distance_mm": slice_distance_mm, "window": window}
    return [
        _row(reading, number, value)
        for reading, tumour in tumours.items()
        for number, value in enumerate(
            network.vector(network_input(image, tumour, size=network.description["size"], **box)), start=1
        )
    ]


def _row(reading, number, value):
    reason = "" if np.isfinite(value) else "the network gives no finite number"
    shown = float(str(np.float32(value))) if not reason else float("nan")  # as many digits as single precision has
    return FeatureRow(reading, REGION, f"deep_gap_{number:04d}", shown, reason)
