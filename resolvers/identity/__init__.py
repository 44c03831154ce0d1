"""Which records in which systems are one person: normalised keys, links, and the map that remembers them."""
