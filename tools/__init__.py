"""How the assets were made; not installed with the library."""
