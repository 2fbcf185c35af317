"""Start images: the exemplar's pieces in a new arrangement."""
