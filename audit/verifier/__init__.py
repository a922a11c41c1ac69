"""The offline verifier: checks exports and certificates of any cell. Needs Python and `cryptography`, no network, no trust.

Everything it imports (`cell.notes`, `audit.merkle`, `audit.checkpoint`, `audit.canonical`, `audit.certificate`) needs no more.
"""
