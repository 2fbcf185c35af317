"""The one loop of all jobs, its plan and its objective."""
