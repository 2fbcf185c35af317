"""The forms, one tab for each: settings of a task as controls."""
