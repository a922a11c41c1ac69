"""What a compilation gives, as a folder that is called by its content, and is refused where it does not belong."""
