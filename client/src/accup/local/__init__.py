"""The files on this machine: which are meant, and what the validator says about them."""
