"""The loops over scales and steps: on a correspondence field, and of Adam; options and results of all runs."""
