"""What the services need from the outside world: Protocols and frozen dataclasses, nothing else."""
