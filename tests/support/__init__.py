"""What the tests need: the running service, clients, an issuer of tokens, files, and checks for every answer."""
