"""What `make run` calls: ``python -m devserver.supervisor [--llm] [-v]`` starts every process."""
