"""The element of a value at a place, as text of a language that kernels are written in."""
