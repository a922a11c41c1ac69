"""From a torch module to a program that was made for one device, and is proven to compute the same.

This package knows torch and nothing else of the house; it can be used alone. Its parts, as a program passes them:

    frontend   torch.export's program as a graph of values
    ir         the graph: values, their types, what each operator means, a verifier, a printer, an interpreter
    rewrite    patterns, and the one driver that applies tables of rules
    passes     what is done to a graph
    schedule   which values are computed together
    memory     where everything lies while that happens
    backends   kernels of one kind of device each
    native     a whole step over the kernels of the processor, as one call

Beside them `tune`, which chooses between ways to do the same, and `bench`, which compares servers.
"""
