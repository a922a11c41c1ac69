"""Benchmarks: what the README quotes, each beside a peer measured in the same run."""
