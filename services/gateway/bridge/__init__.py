"""Questions from inside a Daily call, by app message, and their answers back into it."""
