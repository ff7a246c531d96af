"""The command line of Earshot, and what it is made of."""
