"""An attack report as a page: one file of HTML with plots, which needs no network."""
