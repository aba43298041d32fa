"""What every other package stands on: values, errors, files, random numbers, reporting."""
