"""Search across sessions: a read model in SQLite, one file a partition, rebuilt from the log."""
