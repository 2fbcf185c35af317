"""The mathematics: target measures, the semi-dual and its solvers."""
