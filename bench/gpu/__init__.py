"""What the engine does on a CUDA device; run by `bench/gpu/run.sh`, which needs one."""
