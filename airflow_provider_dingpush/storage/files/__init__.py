"""The store of one machine, in files."""
