"""What stands between the network and the page: hosts, passwords, limits, headers, the socket."""
