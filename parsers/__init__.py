"""One module a product, by source group; beside them the formats they share."""
