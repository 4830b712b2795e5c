"""greenlight beside its peers, as whole processes: `python -m benchmarks w1`."""
