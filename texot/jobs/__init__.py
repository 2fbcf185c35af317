"""What each job asks of the solver."""
