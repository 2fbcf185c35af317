"""The loop over scales and steps."""
