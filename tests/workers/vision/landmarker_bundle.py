"""Builds a `face_landmarker.task` from the models in the wheel, to test the tasks interface without download.

The file that Google offers holds a face detector and a mesh network of two outputs, points and presence. The
wheel's mesh network is the same but for its ending: it gives the mesh, and lips, eyes and irises measured
closer, as six outputs, which the legacy graph puts together. So two operations are added to it, one that
joins the six (CONCATENATION) and one that picks each point's coordinates from where the legacy graph takes
them (GATHER); the assignment is read from that graph.

Argument: the file to write. Run in a process of its own: MediaPipe's writers leave files open.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import flatbuffers  # type: ignore[import-untyped]
import mediapipe
import numpy as np
from google.protobuf import text_format  # type: ignore[import-untyped]
from mediapipe.calculators.util import landmarks_refinement_calculator_pb2 as refining
from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig
from mediapipe.tasks.metadata import schema_py_generated as schema
from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer, model_asset_bundle_utils

_MODULES: Final = Path(mediapipe.__file__).parent / "modules"
_PARTS: Final = (3, 2, 2, 2, 2, 2)
"""Coordinates a point in each output: the mesh has depth; lips, eyes and irises keep the mesh's."""

_IRIS_DEPTH: Final = {range(468, 473): 263, range(473, 478): 33}


def main(path: Path) -> None:
    """Write the bundle to `path`."""
    detector = (_MODULES / "face_detection/face_detection_short_range.tflite").read_bytes()
    mesh = (_MODULES / "face_landmark/face_landmark_with_attention.tflite").read_bytes()
    models = {
        "face_detector.tflite": _with_metadata(detector, 127.5, 127.5),  # it wants -1 to 1
        "face_landmarks_detector.tflite": _with_metadata(_in_one_piece(mesh), 0.0, 255.0),  # it wants 0 to 1
    }
    model_asset_bundle_utils.create_model_asset_bundle(models, str(path))


def _with_metadata(model: bytes, mean: float, deviation: float) -> bytes:
    """The model with what the tasks API must know of it: how its input is scaled."""
    writer = metadata_writer.MetadataWriter(bytearray(model))
    writer.add_general_info("face", "made for a test")
    writer.add_image_input([mean], [deviation])
    return bytes(writer.populate()[0])


def _in_one_piece(model: bytes) -> bytes:
    """The mesh network with two outputs: 478 points (1, 1, 1, 1434), and the presence of a face."""
    net = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    graph = net.subgraphs[0]
    *parts, presence = graph.outputs
    lengths = [int(np.prod(graph.tensors[part].shape)) for part in parts]
    indices = np.fromiter(_sources(lengths), np.int32)
    joined = _add_tensor(net, (1, 1, 1, sum(lengths)), schema.TensorType.FLOAT32)
    chosen = _add_tensor(net, (len(indices),), schema.TensorType.INT32, indices.tobytes())
    points = _add_tensor(net, (1, 1, 1, len(indices)), schema.TensorType.FLOAT32)
    join, pick = schema.ConcatenationOptionsT(), schema.GatherOptionsT()
    join.axis = pick.axis = 3
    _add_operator(net, schema.BuiltinOperator.CONCATENATION, parts, joined, join)
    _add_operator(net, schema.BuiltinOperator.GATHER, [joined, chosen], points, pick)
    graph.outputs = [points, presence]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(net.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _sources(lengths: list[int]) -> Iterator[int]:
    """For x, y, z of each of the 478 points: where in the joined outputs it stands."""
    starts = [0, *itertools.accumulate(lengths)]
    places: dict[int, tuple[int, int, int]] = {}
    for part, refinement in enumerate(_refinements()):
        for number, point in enumerate(refinement.indexes_mapping):
            first = starts[part] + _PARTS[part] * number
            depth = first + 2 if part == 0 else places[point][2] if point in places else -1
            places[point] = (first, first + 1, depth)
    for irises, corner in _IRIS_DEPTH.items():
        for point in irises:
            places[point] = (*places[point][:2], places[corner][2])
    for point in sorted(places):
        yield from places[point]


def _refinements() -> Any:
    """What the legacy graph says of which output holds which points."""
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
    graph = text_format.Parse(mesh._graph.text_config, CalculatorGraphConfig(), allow_unknown_extension=True)
    mesh.close()
    (node,) = (node for node in graph.node if node.calculator == "LandmarksRefinementCalculator")
    return node.options.Extensions[refining.LandmarksRefinementCalculatorOptions.ext].refinement


def _add_tensor(net: Any, shape: tuple[int, ...], kind: int, data: bytes = b"") -> int:
    tensor, buffer = schema.TensorT(), schema.BufferT()
    tensor.shape, tensor.type, tensor.buffer = list(shape), kind, len(net.buffers)
    tensor.name = f"added_{len(net.buffers)}"
    buffer.data = list(data) or None
    net.buffers.append(buffer)
    net.subgraphs[0].tensors.append(tensor)
    return len(net.subgraphs[0].tensors) - 1


def _add_operator(net: Any, kind: int, inputs: list[int], output: int, options: Any) -> None:
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = kind
    code.version = 1
    net.operatorCodes.append(code)
    operator.opcodeIndex, operator.inputs, operator.outputs = len(net.operatorCodes) - 1, inputs, [output]
    name = type(options).__name__.removesuffix("T")
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    operator.builtinOptions = options
    net.subgraphs[0].operators.append(operator)


main(Path(sys.argv[1]))
