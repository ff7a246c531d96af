"""Folds every session into a rolling context, says when it is too long, and serves it."""
