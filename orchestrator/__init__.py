"""The thin process: it moves messages, files and, later, the GPU between workers. No torch, no numpy."""
