"""Where a teacher writes: in this process, or behind a server of others."""
