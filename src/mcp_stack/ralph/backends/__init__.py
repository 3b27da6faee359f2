"""The coding agents, one file each, behind the port `ports/agent.py`."""
