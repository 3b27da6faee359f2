"""What people look up and report: health, issues, skills, systems, points of interest."""
