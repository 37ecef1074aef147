"""The contenders that are ours: the least a Python proxy can do, and what one writes at first."""
