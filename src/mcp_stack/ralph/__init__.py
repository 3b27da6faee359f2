"""Ralph Wiggum: runs coding agents in a loop until the task is verifiably done."""
