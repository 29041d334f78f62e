"""Building datasets from the page: what is asked for, where images are, which job that makes."""
