"""What everything stands on: array types, errors, files read and written safely, command lines, progress, CPUs."""
