"""The networks, one file a family. Import the module you need: importing this package loads no torch."""
