"""The jobs: public functions, and the problems that they give to the solver."""
