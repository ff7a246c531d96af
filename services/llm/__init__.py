"""Answers questions and condenses meetings; every output is a fact with all it went by."""
