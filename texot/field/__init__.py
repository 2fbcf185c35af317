"""Correspondence fields: for every patch of a result, the place in the exemplar that it is from."""
