"""Short summaries that travel with a model: a section of its model card, and a component of a bill of materials."""
