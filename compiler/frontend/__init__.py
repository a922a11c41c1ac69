"""From torch: a module becomes an exported program, and that a graph."""
