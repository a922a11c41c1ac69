"""Kernels for GPUs, written in Triton: planned and compiled without one, proven in Triton's interpreter.

    capabilities   what a device can, from its name alone
    tiles          how a product or an attention is cut into programs, before anybody has tuned it
    codegen        from a graph to launches, with `linears`, `attentions` and `loops` for the kinds of groups
    sources        the file of a launch: templates of `kernels`, or generated code, with its constants
    resources      compiles a launch ahead of time: registers, spills, shared memory, and the instructions that are in it
    spaces         what a tuner may turn
    launch, graph  runs a plan; as one CUDA graph
    paged, sampling   kernels to be called by themselves, over tensors

Triton is an extra: `pip install 'bailiwick[gpu]'`.
"""
