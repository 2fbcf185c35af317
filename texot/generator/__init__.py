"""Algorithm 2: a feed-forward network that learns one texture, then makes as much as anyone wants."""
