"""Work in the background: one job at a time, each a process that outlives the server."""
