"""Confining agents and verify commands: bubblewrap, else Landlock, else not at all if the configuration allows that."""
