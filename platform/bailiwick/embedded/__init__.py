"""The embedded cell: real PostgreSQL, Redis and the processes of a cell on one machine, under one supervisor."""
