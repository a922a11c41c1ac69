"""What turns a scheduled graph into something that runs, one package a kind of device."""
