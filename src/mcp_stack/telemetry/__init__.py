"""What happened: event files."""
