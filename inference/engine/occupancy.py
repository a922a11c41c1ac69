"""How busy the device is, as it says itself."""

from __future__ import annotations

import torch

try:
    import pynvml
except ImportError:
    pynvml = None


def device_utilization(device: str) -> float | None:
    """Part of the driver's last sampling period (a sixth of a second to a second) in which a kernel ran, 0 to 1; of any process.

    None where nobody tells: on a CPU, without the package that asks NVIDIA's driver (`nvidia-ml-py`), on a part of a device.
    """
    chosen = torch.device(device)
    if chosen.type != "cuda" or pynvml is None:
        return None
    try:
        return torch.cuda.utilization(chosen) / 100
    except (RuntimeError, pynvml.NVMLError):
        return None
