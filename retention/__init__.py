"""How long data lives, and proof that it is gone: retention policies, the payload vault, erasure."""
