"""A stand-in for Daily's client (`fakedaily/daily`, first on PYTHONPATH) and its harness."""
