"""The four services and the domain-free plumbing they share."""
