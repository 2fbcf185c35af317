"""Measurements of texot, run from a checkout as `python -m benchmarks.NAME`; see README.md in this folder."""
