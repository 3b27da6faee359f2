"""Work that outlives the process that asked for it: Procrastinate on our PostgreSQL, and its detached worker."""
