"""The offline verifier of exports, certificates and proof files. Needs Python and `cryptography`, no network, no trust.

Everything it imports (`cell.notes`, `audit.merkle`, `audit.checkpoint`, `audit.canonical`, `audit.certificate`,
`audit.tlogproof`, `audit.ustar`, `audit.witness.cosignature`) needs no more.
"""
