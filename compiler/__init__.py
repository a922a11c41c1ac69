"""From a torch module to a proven artifact for one device. Imports torch and nothing of the house."""
