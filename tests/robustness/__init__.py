"""What a factory will do to this tool, done to it first: bad input, faults, load, intruders, odd numbers; `make torture`."""
