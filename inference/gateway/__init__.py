"""The REST inference API of a cell: an ASGI callable beside Django, shaped like OpenAI's."""
