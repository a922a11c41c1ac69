"""ONNX Runtime, OpenVINO and transformers as embedders, run by an interpreter of their own environment: it imports nothing of ours.

``embedder_theirs.py KIND CHECKPOINT THREADS``, KIND `export` once before all others. A line of JSON in, a line of JSON out, see
`bench.peers.embedders`. The ONNX model is made of the checkpoint and fused by ONNX Runtime's own tools for transformers.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

Forward = Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]
"""Ids and mask, both [texts, longest] int64, to vectors [texts, hidden]."""
VERSION = 2
"""Raise to have the models made anew."""


def network(folder: str, dtype: str) -> Any:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            how = "eager" if dtype == "traced" else "sdpa"
            kind = torch.float32 if dtype == "traced" else getattr(torch, dtype)
            self.model = transformers.AutoModel.from_pretrained(folder, attn_implementation=how, dtype=kind)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            seen = mask[..., None].float()
            return torch.nn.functional.normalize((hidden * seen).sum(1) / seen.sum(1), dim=-1)

    return Network().eval()


def by_transformers(folder: str, dtype: str, threads: int) -> Forward:
    import torch

    torch.set_num_threads(threads)
    made = network(folder, dtype)

    def forward(ids: numpy.ndarray, mask: numpy.ndarray) -> numpy.ndarray:
        with torch.inference_mode():
            return made(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()

    return forward


def exported(folder: str) -> tuple[Path, Path]:
    """The fused float32 model and its dynamic int8 one; made on the first call."""
    home = Path(sys.prefix)
    fused, small = home / f"fused-{VERSION}.onnx", home / f"int8-{VERSION}.onnx"
    if not small.exists():
        import onnx
        import torch
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.transformers.optimizer import optimize_model

        made = network(folder, "traced")
        plain = home / "plain.onnx"
        ids = torch.randint(1000, 2000, (2, 16))
        axes = {0: "texts", 1: "tokens"}
        # The newer exporter's graphs are not recognized by the tools that fuse attention.
        torch.onnx.export(
            made,
            (ids, torch.ones_like(ids)),
            str(plain),
            input_names=["ids", "mask"],
            output_names=["vectors"],
            dynamic_axes={"ids": axes, "mask": axes, "vectors": {0: "texts"}},
            dynamo=False,
            opset_version=17,
        )
        config = made.model.config
        optimized = optimize_model(
            str(plain), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size
        )
        optimized.save_model_to_file(str(fused))
        unfinished = home / "unfinished.onnx"
        # Of the fused operators it does not know what they return.
        kind = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(fused, unfinished, weight_type=QuantType.QInt8, extra_options=kind)
        unfinished.rename(small)
    return fused, small


def by_onnx(path: Path, threads: int) -> Forward:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"ids": ids, "mask": mask})[0]


def openvino_models(folder: str) -> tuple[Path, Path]:
    """The model as OpenVINO has it, and with weights of bytes; made on the first call."""
    home = Path(sys.prefix)
    plain, small = home / f"openvino-{VERSION}.xml", home / f"openvino-int8-{VERSION}.xml"
    if not small.exists():
        import nncf
        import openvino
        import torch

        ids = torch.randint(1000, 2000, (2, 16))
        model = openvino.convert_model(network(folder, "float32"), example_input=(ids, torch.ones_like(ids)))
        model.reshape({part: [-1, -1] for part in model.inputs})
        openvino.save_model(model, plain, compress_to_fp16=False)
        unfinished = home / "unfinished.xml"
        openvino.save_model(nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_ASYM), unfinished)
        unfinished.with_suffix(".bin").rename(small.with_suffix(".bin"))
        unfinished.rename(small)
    return plain, small


def by_openvino(path: Path, precision: str, threads: int) -> Forward:
    import openvino

    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
    }
    compiled = openvino.Core().compile_model(path, "CPU", hints)
    return lambda ids, mask: compiled((ids, mask))[0]


def batch(forward: Forward, texts: list[list[int]]) -> numpy.ndarray:
    """Vectors of texts padded to the longest of them."""
    longest = max(map(len, texts))
    ids = numpy.array([text + [0] * (longest - len(text)) for text in texts], dtype=numpy.int64)
    mask = numpy.array([[1] * len(text) + [0] * (longest - len(text)) for text in texts], dtype=numpy.int64)
    return forward(ids, mask)


def answer(forward: Forward, order: dict[str, Any]) -> Any:
    texts, size = order["texts"], order["batch"]
    spent, vectors = [], []
    for begin in range(0, len(texts), size):
        start = perf_counter()
        vectors.append(batch(forward, texts[begin : begin + size]))
        spent.append(perf_counter() - start)
    if order["task"] == "vectors":
        return base64.b64encode(numpy.concatenate(vectors).astype("<f4").tobytes()).decode()
    return spent if order["task"] == "each" else sum(spent)


def main() -> None:
    # What the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "export":
        exported(folder)
        openvino_models(folder)
        return
    if kind.startswith("onnx"):
        forward = by_onnx(exported(folder)[kind == "onnx-int8"], threads)
    elif kind.startswith("openvino"):
        # With weights of bytes it computes in bfloat16, which is its fastest.
        precision = "f32" if kind == "openvino-float32" else "bf16"
        forward = by_openvino(openvino_models(folder)[kind == "openvino-int8"], precision, threads)
    else:
        forward = by_transformers(folder, kind.removeprefix("transformers-"), threads)
    for line in sys.stdin:
        print(json.dumps(answer(forward, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
