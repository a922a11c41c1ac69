"""The key store: wrapped keys in a database of their own, so that destroying one reaches the backups of what it sealed.

Workspace key (wrapped by the cell's root) → daily epoch key → one data key per request. `ring` makes data keys for the
gateway, `custody` opens and destroys them, `witness` says from outside whether one is gone.
"""
