"""Turns sources into events; decides how a session lives and ends."""
