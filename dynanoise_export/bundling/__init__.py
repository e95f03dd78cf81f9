"""Make bundles of what people have: tables, folders of images, texts, and arrays."""
