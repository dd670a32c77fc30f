"""`svq doctor`: looks at what a retriever needs, and says of each thing that it is there, or what mends it."""
