"""Clips and continuous sound for one's own wake word."""
