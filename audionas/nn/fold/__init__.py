"""Convolutions with parallel branches that fold into one: the branches, a block of them, and the fold."""
