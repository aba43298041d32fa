"""The cost of a network: parameters, multiply-adds, memory, latency."""
