"""ONNX Runtime latency: numbers in order, and faults that name the file."""

import pytest

from audionas.core.errors import UserError
from audionas.cost.latency import latency

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


@pytest.fixture
def model(tmp_path):
    """y = relu(x) for x of shape (1, 16)."""
    tensor = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        "relu",
        [onnx.helper.make_tensor_value_info("x", tensor, [1, 16])],
        [onnx.helper.make_tensor_value_info("y", tensor, [1, 16])],
    )
    opset = onnx.helper.make_opsetid("", 18)
    file = tmp_path / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10), file)
    return file


def test_percentiles_in_order(model):
    found = latency(model, (1, 16), threads=2, runs=20, warmup=1)
    assert 0 < found["p50_ms"] <= found["p95_ms"]
    assert (found["threads"], found["runs"]) == (2, 20)


def test_wrong_shape(model):
    with pytest.raises(UserError, match=r"model\.onnx.*\(1, 17\)"):
        latency(model, (1, 17), runs=1, warmup=0)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.onnx: no such file"):
        latency(tmp_path / "none.onnx", (1, 16))


def test_not_a_model(tmp_path):
    file = tmp_path / "text.onnx"
    file.write_text("hello")
    with pytest.raises(UserError, match=r"text\.onnx: ONNX Runtime cannot load it"):
        latency(file, (1, 16))
