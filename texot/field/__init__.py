"""Correspondence fields: for every patch of a result, the position of its match in the exemplar."""
