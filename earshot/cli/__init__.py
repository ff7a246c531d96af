"""The commands. Each reads its flags, calls what does the work, and prints."""
