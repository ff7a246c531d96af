"""Recordings played through the whole system, and what comes of it scored.

It talks to a running Earshot over HTTP alone and knows no service.
"""
