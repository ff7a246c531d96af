"""The gateway's routes: the only place that knows FastAPI. Decides nothing about meetings."""
