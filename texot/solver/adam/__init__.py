"""Minimisation of the objective by Adam: in training, the published algorithm and for deep features."""
