"""The jobs as they are called, and what each asks of the solver."""
