"""Co-signatures: who is asked for them, when and how, and what becomes of the answer.

The cell's witnesses, whom the operator names, co-sign the cell's own log and the tree of checkpoints, which holds a checkpoint of
every log; a workspace's own co-sign that workspace's. Nothing of the log waits for any of them.
"""
