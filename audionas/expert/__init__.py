"""The decisions of an expert between a folder of recordings and a model on a device, each with its reason."""
