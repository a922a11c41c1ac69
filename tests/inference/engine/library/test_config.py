from __future__ import annotations

import pytest

from inference.engine import ConfigError, InferenceOptConfig


def test_every_problem_is_listed_at_once_by_its_field() -> None:
    with pytest.raises(ConfigError) as error:
        InferenceOptConfig(
            batch_size=0,
            max_batch_size=2.5,  # type: ignore[arg-type]
            device="gpu",
            dtype="int8",
            enable_cache=1,  # type: ignore[arg-type]
            l1_cache_mb=-1,
            num_inference_threads=True,
            confidence_threshold=1.5,
            cpu_offload_modules=("",),
            warmup_steps=-1,
        )

    named = {problem.split()[0] for problem in error.value.problems}
    assert named == {
        "batch_size",
        "max_batch_size",
        "device",
        "dtype",
        "enable_cache",
        "l1_cache_mb",
        "num_inference_threads",
        "confidence_threshold",
        "cpu_offload_modules",
        "warmup_steps",
    }


def test_a_batch_size_above_the_largest_batch_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch_size must not be above max_batch_size"):
        InferenceOptConfig(batch_size=9, max_batch_size=8)


def test_a_mapping_is_read_and_its_unknown_keys_are_named() -> None:
    config = InferenceOptConfig.from_mapping({"dtype": "bf16", "cpu_offload_modules": ["encoder.0"]})

    assert (config.dtype, config.cpu_offload_modules) == ("bfloat16", ("encoder.0",))
    with pytest.raises(ConfigError) as error:
        InferenceOptConfig.from_mapping({"batchsize": 4, "warmup_steps": "3"})
    assert [problem.split()[0] for problem in error.value.problems] == ["batchsize", "warmup_steps"]
