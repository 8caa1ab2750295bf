"""Pretrained networks: that of the package, and networks that a study brings, with what is wrong with them."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import SimpleITK as sitk
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from skimage import data

from habitat_radiomics.deep_network import Network, deep_features
from habitat_radiomics.deep_settings import PACKAGE_SHA256, missing
from habitat_radiomics.deep_weights import package_file, prepare_network
from habitat_radiomics.efficientnet_lite import FEATURES, MEAN, SD
from habitat_radiomics.faults import StudyFault
from habitat_radiomics.torch_checkpoint import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
OWN = {"weights": None, "sha256": PACKAGE_SHA256, "layer": None, "size": None, "mean": None, "sd": None}


@pytest.fixture(scope="module")
def package():
    """The network of the package: its bytes and its description."""
    return prepare_network(**OWN)


def own_network(folder, *, side=(8, 8), channels=3, flat=False, layer=None, size=None, mean=None, sd=None):
    """A network of known answers: three maps, 2 x red + 1, green - blue and blue; and what is prepared of it."""
    weight = np.array([[2, 0, 0], [0, 1, -1], [0, 0, 1]], dtype=np.float32)[:, :, None, None]
    weights = [numpy_helper.from_array(weight[:, :channels], "w")]
    weights += [numpy_helper.from_array(np.array([1, 0, 0], dtype=np.float32), "b")]
    nodes = [
        helper.make_node("Conv", ["picture", "w", "b"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["clipped"]),
        helper.make_node("GlobalMaxPool", ["clipped"], ["largest"]),
        helper.make_node("Flatten" if flat else "Identity", ["largest"], ["out"]),
    ]
    shapes = {"picture": [1, channels, *side], "out": [1, 3] if flat else [1, 3, 1, 1]}
    value = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    graph = helper.make_graph(nodes, "own", [value["picture"]], [value["out"]], weights)
    path = folder / "own.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return prepared(path, layer=layer, size=size, mean=mean, sd=sd)


def prepared(path, **options):
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return prepare_network(**{**OWN, "weights": str(path), "sha256": sha256, **options})


def test_the_extra_is_complete():
    assert missing({"bundle": None, "deep": {"weights": None}}) == []


@pytest.mark.parametrize(
    ("photograph", "classes"), [("chelsea", {281, 282, 285}), ("coffee", {967, 968}), ("rocket", {657})]
)
def test_the_network_of_the_package_knows_what_photographs_show(package, photograph, classes):
    """Tabby, tiger or Egyptian cat; espresso or cup; missile: by the classifier that was trained on these vectors."""
    picture = Image.fromarray(getattr(data, photograph)())
    side, middle = min(picture.size), np.array(picture.size) / 2
    picture = picture.crop((*(middle - side / 2).astype(int), *(middle + side / 2).astype(int))).resize((224, 224))
    content, description = package
    vector = Network(content, description).vector(np.asarray(picture).transpose(2, 0, 1) / 255)
    assert vector.shape == (FEATURES,) and (vector >= 0).all()
    tensors = read_checkpoint(package_file())
    assert int(np.argmax(tensors["_fc.weight"] @ vector + tensors["_fc.bias"])) in classes


def test_the_network_of_the_package_is_described(package):
    content, description = package
    assert description == {
        "kind": "onnx",
        "size": 224,
        "layer": None,
        "mean": [MEAN] * 3,
        "sd": [SD] * 3,
        "features": 1280,
        "weights_sha256": PACKAGE_SHA256,
    }
    assert content == prepare_network(**OWN)[0]


def test_another_process_with_more_threads_gives_the_same_bytes(package, tmp_path):
    code = (
        "import sys, numpy as np; sys.path.insert(0, 'scripts')\n"
        "from habitat_radiomics.deep_network import Network\n"
        "from habitat_radiomics.deep_weights import prepare_network\n"
        f"content, description = prepare_network(**{OWN!r})\n"
        "picture = np.random.default_rng(0).random((3, 224, 224))\n"
        "vector = Network(content, description).vector(picture)\n"
        "open(sys.argv[1], 'wb').write(content + vector.tobytes())\n"
    )
    for threads in ("1", "4"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads}
        subprocess.run([sys.executable, "-c", code, tmp_path / threads], cwd=ROOT, env=environment, check=True)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "4").read_bytes()


def test_own_networks_give_the_means_of_their_maps_and_standardise_as_asked(tmp_path):
    picture = np.zeros((3, 8, 8))
    picture[0, :4] = 1.0
    picture[2] = 0.25
    content, description = own_network(tmp_path, layer="maps", mean=[0, 0, 0], sd=[1, 1, 1])
    assert (description["features"], description["size"]) == (3, 8)
    np.testing.assert_allclose(Network(content, description).vector(picture), [2, -0.25, 0.25])
    content, description = own_network(tmp_path, layer="maps", mean=[0, 0, 0.25], sd=[1, 1, 0.5])
    np.testing.assert_allclose(Network(content, description).vector(picture), [2, 0, 0])
    for flat in (False, True):
        content, description = own_network(tmp_path, flat=flat, mean=[0, 0, 0], sd=[1, 1, 1])
        np.testing.assert_allclose(Network(content, description).vector(picture), [3, 0, 0.25])


def test_a_network_of_open_size_takes_the_size_of_the_study(tmp_path):
    assert own_network(tmp_path, side=("h", "w"))[1]["size"] == 224
    assert own_network(tmp_path, side=("h", "w"), size=64)[1]["size"] == 64


def test_a_network_that_cannot_be_used_is_refused_with_the_cure(tmp_path):
    for options, words in (
        ({"layer": "mops"}, "deep.layer: own.onnx has no tensor mops. The last of its 4: maps, clipped, largest, out"),
        ({"size": 16}, "deep.size is 16, but own.onnx takes pictures of 8 x 8 pixels. Leave deep.size empty"),
        ({"side": (8, 6)}, "takes pictures of 8 x 6 pixels"),
        ({"channels": 1}, r"takes an input of shape \[1, 1, 8, 8\], not pictures"),
    ):
        with pytest.raises(StudyFault, match=words):
            own_network(tmp_path, **options)
    (tmp_path / "own.onnx").write_bytes(b"no network at all")
    with pytest.raises(StudyFault, match=r"deep.weights: own.onnx is no ONNX network .*Export it again"):
        prepared(tmp_path / "own.onnx")


def test_weights_that_are_others_than_when_the_run_began_are_refused(tmp_path):
    own_network(tmp_path)
    with pytest.raises(StudyFault, match="own.onnx has the SHA-256 .*, expected was 00"):
        prepared(tmp_path / "own.onnx", sha256="00")


def test_weights_in_a_second_file_are_refused(tmp_path):
    own_network(tmp_path)
    model = onnx.load(tmp_path / "own.onnx")
    onnx.save(model, tmp_path / "two.onnx", save_as_external_data=True, location="two.bin", size_threshold=0)
    with pytest.raises(StudyFault, match="two.onnx keeps its weights in another file"):
        prepared(tmp_path / "two.onnx")


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch 2.13 reads it, and would prefer others
def test_a_torchscript_network_gives_the_same_as_its_onnx_twin_and_its_layer(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: TorchScript was not tried")
    convolution = torch.nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([[2.0, 0, 0], [0, 1, -1], [0, 0, 1]])[:, :, None, None])
        convolution.bias.copy_(torch.tensor([1.0, 0, 0]))
    module = torch.nn.Sequential(convolution, torch.nn.ReLU())
    torch.jit.script(module).save(tmp_path / "own.pt")
    picture = np.random.default_rng(0).random((3, 8, 8))
    for layer, twin in ((None, "clipped"), ("0", "maps")):
        found = Network(*prepared(tmp_path / "own.pt", layer=layer, size=8)).vector(picture)
        np.testing.assert_allclose(found, Network(*own_network(tmp_path, layer=twin)).vector(picture), rtol=1e-6)
    with pytest.raises(StudyFault, match="own.pt has no submodule 7. It has: 0, 1"):
        prepared(tmp_path / "own.pt", layer="7")
    torch.save(module.state_dict(), tmp_path / "state.pt")
    with pytest.raises(StudyFault, match="state.pt is no TorchScript .*a state_dict"):
        prepared(tmp_path / "state.pt")
    torch.jit.script(torch.nn.Conv2d(1, 3, 1)).save(tmp_path / "grey.pt")
    with pytest.raises(StudyFault, match=r"grey.pt cannot be run on a picture \(1, 3, 224, 224\)"):
        prepared(tmp_path / "grey.pt")


def test_every_reading_gets_the_vector_of_its_own_box(tmp_path):
    network = Network(*own_network(tmp_path, layer="maps", mean=[0, 0, 0], sd=[1, 1, 1]))
    values = np.tile(np.arange(32, dtype=np.float32), (5, 24, 1))
    inside = {"reader1": np.zeros(values.shape, np.uint8), "reader2": np.zeros(values.shape, np.uint8)}
    inside["reader1"][2, 8:12, 4:8] = 1
    inside["reader2"][2, 8:12, 20:24] = 1
    tumours = {reading: sitk.GetImageFromArray(mask) for reading, mask in inside.items()}
    box = {"margin_mm": 2, "slice_distance_mm": None, "window": (0, 32)}
    rows = deep_features(sitk.GetImageFromArray(values), tumours, network, **box)
    assert [row[:3] for row in rows[:3]] == [("reader1", "deep", f"deep_gap_000{n}") for n in (1, 2, 3)]
    expected = {"reader1": 5.5 / 32, "reader2": 21.5 / 32}
    for row in rows:
        grey = expected[row.reading]
        assert row.value == pytest.approx([2 * grey + 1, 0, grey][int(row.feature[-1]) - 1], abs=1e-6)
        assert row.reason == ""
