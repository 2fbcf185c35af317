"""The field solver, Adam (`texot.solver.adam`), and the options and results of all runs."""
