"""`make run`: ``python -m devserver.supervisor [--llm] [-v]`` starts every process."""
