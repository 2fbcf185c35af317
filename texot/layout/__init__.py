"""First layouts: an image of an exemplar's pieces, in new places, where optimisation starts."""
