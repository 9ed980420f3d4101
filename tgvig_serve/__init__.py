"""A detector that was taken home, behind a small HTTP API (FastAPI). One process; no web page but its own description."""
