"""The wire language of Earshot: every fact, command, query, subject and stream. Does no I/O."""
