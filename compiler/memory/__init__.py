"""Where everything lies while a program runs: one arena, with every offset known before."""
