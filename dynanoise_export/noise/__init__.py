"""Where standard normals come from: a random operator, an input of the graph, or a key; and what is alive where."""
