"""What takes long: run by hand, in a short form in CI."""
