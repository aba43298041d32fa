"""Separable convolutions over time, and the gate and the penalty that SparkNet trains them with."""
