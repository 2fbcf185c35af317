"""The window's jobs, a tab each."""
