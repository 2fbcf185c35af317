"""Other ways of fitting a generator to an exemplar's patches, on the bench of transport's trainer."""
