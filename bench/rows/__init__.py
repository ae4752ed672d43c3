"""What is measured: a module for each kind of row. ``bench.load`` runs them in a process of their own."""
