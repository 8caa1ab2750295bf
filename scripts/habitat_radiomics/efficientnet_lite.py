"""EfficientNet-Lite0 as an ONNX graph that ends in the averages of its last feature maps.

The network is EfficientNet-B0 (Tan and Le 2019, ICML, table 1) without squeeze-and-excitation and with ReLU6 in place
of swish, as its authors published it under the name Lite0 for devices without special hardware. Convolutions are padded
as TensorFlow does ("SAME": the odd pixel goes after), batch normalisation (epsilon 0.001) is folded into them.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 224  # pixels on a side, as it was trained
MEAN, SD = 127 / 255, 128 / 255  # of grey values from 0 to 1
FEATURES = 1280
EPSILON = 1e-3
OPSET, IR_VERSION = 17, 8
# Of every stage: blocks, edge of the kernel, stride of its first block, expansion.
STAGES = ((1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6))


def efficientnet_lite(tensors):
    """Return the network as the bytes of an ONNX model.

    Parameters
    ----------
    tensors : dict of str to ndarray
        Weights by their names in `efficientnet_pytorch` and its descendants.

    Returns
    -------
    bytes
        Input ``image`` (1, 3, 224, 224), standardised by `MEAN` and `SD`; output ``features`` (1, 1280), none below 0.
    """
    graph = _Graph(tensors)
    x = graph.convolution("image", "_conv_stem", "_bn0", stride=2, clipped=True)
    number = 0
    for blocks, _, stride, expansion in STAGES:
        for block in range(blocks):
            x = graph.block(x, f"_blocks.{number}", stride if block == 0 else 1, expansion)
            number += 1
    x = graph.convolution(x, "_conv_head", "_bn1", clipped=True)
    x = graph.add("GlobalAveragePool", [x])
    graph.nodes.append(helper.make_node("Flatten", [x], ["features"]))
    return graph.model().SerializeToString(deterministic=True)


class _Graph:
    """Nodes and weights of the graph, as they are added."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes = []
        self.weights = [numpy_helper.from_array(np.float32(value), name) for name, value in (("zero", 0), ("six", 6))]

    def add(self, kind, inputs, **attributes):
        """Add a node and return the name of its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def block(self, x, name, stride, expansion):
        """An inverted residual: expanded, filtered channel by channel, projected; added to its input if alike."""
        y = x if expansion == 1 else self.convolution(x, f"{name}._expand_conv", f"{name}._bn0", clipped=True)
        y = self.convolution(y, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, clipped=True)
        y = self.convolution(y, f"{name}._project_conv", f"{name}._bn2")
        before = self.tensors[f"{name}.{'_depthwise' if expansion == 1 else '_expand'}_conv.weight"].shape
        channels = before[0] if expansion == 1 else before[1]
        same = stride == 1 and channels == self.tensors[f"{name}._project_conv.weight"].shape[0]
        return self.add("Add", [y, x]) if same else y

    def convolution(self, x, name, norm, *, stride=1, clipped=False):
        """A convolution with its batch normalisation folded in, and ReLU6 where ``clipped``."""
        weight, bias = _folded(self.tensors, f"{name}.weight", norm)
        self.weights += [numpy_helper.from_array(value, f"{name}.{key}") for key, value in (("w", weight), ("b", bias))]
        groups = weight.shape[0] if weight.shape[1] == 1 else 1
        attributes = {"strides": [stride, stride], "group": groups, "auto_pad": "SAME_UPPER"}
        y = self.add("Conv", [x, f"{name}.w", f"{name}.b"], **attributes)
        return self.add("Clip", [y, "zero", "six"]) if clipped else y

    def model(self):
        """The whole model."""
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
        features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, FEATURES])
        graph = helper.make_graph(self.nodes, "efficientnet_lite0", [image], [features], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def _folded(tensors, weight, norm):
    """Weight and bias of a convolution that does what it did before its batch normalisation and that."""
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"].astype(float) + EPSILON)
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    return (tensors[weight] * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)
