"""The foundation of every other package: values, errors, files, random numbers, reporting."""
