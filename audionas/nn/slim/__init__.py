"""Networks of many widths in one: an operation at any smaller width is the leading part of its weights."""
