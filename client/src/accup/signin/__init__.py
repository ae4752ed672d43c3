"""Where tokens come from: what the user gives, a command, or Microsoft Entra."""
