"""Biased nearest-neighbour and soft-min reductions over patches; knows tensors only."""
