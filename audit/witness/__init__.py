"""A witness (C2SP tlog-witness): co-signs checkpoints of logs that only grow, for somebody who does not trust the log.

Whoever wants one runs it, in a trust domain of their own. Needs Python and `cryptography`, no Django.
"""
