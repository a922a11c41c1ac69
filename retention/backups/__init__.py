"""Backups of a cell: sealed, in its legal area, listed, restored only with every erasure told again. docs/backup.md."""
