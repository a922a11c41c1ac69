"""Steps as one native call: C++ kernels (`kernels/`), compiled by the system's compiler for an instruction set, on threads of
their own. `library` calls single kernels on torch tensors; generated code includes the same headers."""
