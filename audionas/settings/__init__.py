"""Settings of a config, to be found: keys, where values come from, starters, differences, a schema."""
