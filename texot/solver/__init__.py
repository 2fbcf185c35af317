"""The loops over scales and steps: on a correspondence field, and of Adam; what all runs need beside."""
