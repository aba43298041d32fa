"""Tables of trained networks, which say what a search found without training it: one file per benchmark."""
