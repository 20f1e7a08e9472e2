"""Pages that show a network at work: one HTML file with the network in JavaScript. See `write_page`."""
