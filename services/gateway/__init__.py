"""The front door: HTTP, live streams, exports. Reads the log; changes it by facts alone."""
