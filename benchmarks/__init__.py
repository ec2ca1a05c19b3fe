"""Measurements of the project. Each is a module, run from the repository: ``python -m benchmarks.FOLDER.NAME``."""
