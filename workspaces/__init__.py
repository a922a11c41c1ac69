"""Who may do what: organizations, workspaces, members and their roles, keys, sign-on."""
