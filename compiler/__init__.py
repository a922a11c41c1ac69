"""From a torch module to a tuned, proven artifact. Imports torch and nothing of the house."""
