"""What benchmarks run beside Bailiwick: echoes in place of an engine, a load generator, peers in environments of their own."""
