"""Single-image texture synthesis by optimal transport of patches."""
