"""Domain-free plumbing: start, health, drain, publishing, projection, worker. Knows no service."""
