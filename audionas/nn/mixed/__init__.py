"""The blocks of MixedNet, microWakeWord's network for wake words: split depthwise kernels, and heads."""
