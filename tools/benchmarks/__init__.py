"""`make bench`: how much faster than the obvious way, one module for each thing that is measured."""
