"""What goes over the wire: bodies of requests, bodies of responses, and how the domain becomes JSON."""
