"""What `make run` calls: ``python -m config.supervisor [--llm] [-v]`` starts every process."""
