"""Templates. `compiler.backends.triton.sources` copies what a launch needs of them into one file, with its constants."""
