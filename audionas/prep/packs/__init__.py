"""Public packs of speech and noise: `known` lists them, `bring` fetches one, `tables` describes it."""
