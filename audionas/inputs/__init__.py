"""Inputs of a fit or an evaluation."""
