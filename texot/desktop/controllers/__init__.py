"""What the user's actions do: each controller reads views, asks for files, and calls the session."""
