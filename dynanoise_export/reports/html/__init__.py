"""Reports as pages: each is one HTML file with plots, which needs no network."""
