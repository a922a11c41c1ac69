"""Tables of rules, and what applies them."""
