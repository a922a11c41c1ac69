"""The web console of a cell: server-rendered pages over the services of the floors below."""
