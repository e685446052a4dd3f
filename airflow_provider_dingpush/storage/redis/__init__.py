"""The store of many machines, in Redis."""
