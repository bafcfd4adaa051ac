"""The benchmarks: our engine beside the limits and the peers it is judged by, in the same run."""
