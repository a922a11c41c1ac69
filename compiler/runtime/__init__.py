"""Serving a compiled program: which bucket takes a call, what does where none fits, and which buckets are worth having."""
