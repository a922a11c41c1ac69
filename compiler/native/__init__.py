"""A program as C++ for the kernels of the CPU backend: one call computes a whole step, on threads of its own."""
