"""The engine: loads checkpoints, batches requests of many workspaces, streams tokens. Imports no Django."""
