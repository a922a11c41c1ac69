"""The engine as a library for any `torch.nn.Module`; its names are exported by `inference.engine`."""
