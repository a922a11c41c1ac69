"""How well something serves requests: the same requests, arriving in three ways, answered by anything that can be called."""
