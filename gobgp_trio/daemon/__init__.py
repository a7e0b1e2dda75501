"""The Trio shell: sockets and tasks that await, call the core and carry out what it returns."""
