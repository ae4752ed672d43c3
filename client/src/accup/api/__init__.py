"""The typed client of the API: what to call, how it is sent, and what comes back."""
