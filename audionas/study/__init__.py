"""Comparisons of methods, and of supernets with networks trained alone."""
