"""The graph that everything here works on: values in static single assignment, each of which exists once."""
