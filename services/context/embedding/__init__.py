"""Vectors of what was said and asked: the seam, one adapter for each source, and which is used."""
