"""Rendered sample parts: procedural meshes (numpy), path tracing (Mitsuba 3), defects with exact masks."""
