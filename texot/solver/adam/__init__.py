"""Adam on the objective, as training, the published algorithm and deep features take it."""
