"""What rules and scripts need around a job: start, GPUs, processes, code digests, provenance."""
